/* Hooks and filters of httpd's that 2.2 does not have, or has in another form. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT */
#endif
#include <dlfcn.h>
#include <string.h>
#include <strings.h>

#include "shim.h"

#include "apr_optional.h"
#include "apr_optional_hooks.h"
#include "mod_status.h"
#include "mpm_common.h"

#if !HTTPD_2_4
/* In 2.2 each MPM declares it in its own header. */
extern server_rec *ap_server_conf;
#endif

void maintenance_hook_check_config(int (*check)(apr_pool_t *, apr_pool_t *, apr_pool_t *,
                                                server_rec *))
{
#if HTTPD_2_4
    ap_hook_check_config(check, NULL, NULL, APR_HOOK_MIDDLE);
#else
    (void)check; /* post_config finds the same fault */
#endif
}

static void (*look_at_flags)(server_rec *);

#if HTTPD_2_4
static int monitor(apr_pool_t *pool, server_rec *s)
{
    look_at_flags(s);
    return DECLINED;
}
#else
static int monitor(apr_pool_t *pool)
{
    look_at_flags(ap_server_conf);
    return DECLINED;
}
#endif

void maintenance_hook_monitor(void (*look)(server_rec *))
{
    look_at_flags = look;
    ap_hook_monitor(monitor, NULL, NULL, APR_HOOK_MIDDLE);
}

static int (*show_status)(request_rec *, int, int);

static int status(request_rec *r, int flags)
{
    return show_status(r, flags & AP_STATUS_SHORT, flags & AP_STATUS_NOTABLE);
}

void maintenance_hook_status(int (*show)(request_rec *, int, int))
{
    show_status = show;
    APR_OPTIONAL_HOOK(ap, status_hook, status, NULL, NULL, APR_HOOK_MIDDLE);
}

static int (*request_switched)(request_rec *);

#if HTTPD_2_4
static int switched(conn_rec *c, request_rec *r, server_rec *s, const char *protocol)
{
    return r == NULL ? DECLINED : request_switched(r);
}
#endif

void maintenance_hook_switch(int (*on_switch)(request_rec *))
{
    request_switched = on_switch;
#if HTTPD_2_4
    {
        /* ap_hook_protocol_switch is available since 2.4.17. */
        void (*hook)(int (*)(conn_rec *, request_rec *, server_rec *, const char *),
                     const char *const *, const char *const *, int);

        *(void **)&hook = dlsym(RTLD_DEFAULT, "ap_hook_protocol_switch");
        if (hook != NULL) {
            hook(switched, NULL, NULL, APR_HOOK_FIRST);
        }
    }
#endif
}

static void (*request_ended)(void *);

#if HTTPD_2_4
APR_DECLARE_OPTIONAL_FN(int, http2_is_h2, (conn_rec *)); /* of mod_http2, since 2.4.20 */
static APR_OPTIONAL_FN_TYPE(http2_is_h2) *is_http2;

static void find_http2(void)
{
    is_http2 = APR_RETRIEVE_OPTIONAL_FN(http2_is_h2);
}

static ap_filter_rec_t *end_filter;
#endif

/* Lives as long as the connection, so that the filter can tell that the request is gone. */
typedef struct {
    void *data;
} watched_request;

static apr_status_t request_is_gone(void *watched)
{
    ((watched_request *)watched)->data = NULL;
    return APR_SUCCESS;
}

#if HTTPD_2_4
static apr_status_t end(ap_filter_t *f, apr_bucket_brigade *bb)
{
    ap_filter_t *next = f->next;
    apr_bucket *e;

    for (e = APR_BRIGADE_FIRST(bb); e != APR_BRIGADE_SENTINEL(bb); e = APR_BUCKET_NEXT(e)) {
        if (AP_BUCKET_IS_EOR(e)) {
            /* Before passing it on, because destroying the bucket destroys the request. */
            const watched_request *watched = f->ctx;

            if (watched != NULL && watched->data != NULL) { /* NULL with SetOutputFilter */
                request_ended(watched->data);
            }
            ap_remove_output_filter(f);
            break;
        }
    }
    return ap_pass_brigade(next, bb);
}
#endif

void maintenance_hook_end(void (*ended)(void *))
{
    request_ended = ended;
#if HTTPD_2_4
    end_filter = ap_register_output_filter("MAINTENANCE_END", end, NULL, AP_FTYPE_CONNECTION);
    ap_hook_optional_fn_retrieve(find_http2, NULL, NULL, APR_HOOK_MIDDLE);
#endif
}

void maintenance_watch_end(request_rec *r, void *data)
{
#if HTTPD_2_4
    /* The version alone does not prove HTTP/2: a client can write it into an HTTP/1.1 request. */
    if (is_http2 != NULL && is_http2(r->connection)) {
        watched_request *watched = apr_palloc(r->connection->pool, sizeof(*watched));

        watched->data = data;
        apr_pool_cleanup_register(r->pool, watched, request_is_gone, apr_pool_cleanup_null);
        ap_add_output_filter_handle(end_filter, watched, r, r->connection);
    }
#endif
}

static int (*request_proxied)(request_rec *);

void maintenance_hook_proxied(int (*proxied)(request_rec *))
{
    request_proxied = proxied;
    /* APR_OPTIONAL_HOOK(proxy, fixups, ...) without the header of mod_proxy. */
    apr_optional_hook_add("fixups", (void (*)(void))request_proxied, NULL, NULL, APR_HOOK_MIDDLE);
}

static void (*answer_lasts)(void *, int);
static ap_filter_rec_t *upgraded_filter, *stream_filter;

/* Sees the answer as it is sent, from its status line on. */
static apr_status_t upgraded(ap_filter_t *f, apr_bucket_brigade *bb)
{
    static const char begin[] = "HTTP/1.1 101";
    ap_filter_t *next = f->next;
    const watched_request *watched = f->ctx;
    apr_bucket *e;

    for (e = APR_BRIGADE_FIRST(bb); e != APR_BRIGADE_SENTINEL(bb); e = APR_BUCKET_NEXT(e)) {
        const char *data;
        apr_size_t length;

        if (APR_BUCKET_IS_METADATA(e)) {
            continue;
        }
        if (apr_bucket_read(e, &data, &length, APR_BLOCK_READ) == APR_SUCCESS
            && length >= sizeof(begin) - 1 && memcmp(data, begin, sizeof(begin) - 1) == 0
            && watched != NULL && watched->data != NULL) {
            answer_lasts(watched->data, 1);
        }
        ap_remove_output_filter(f);
        break;
    }
    return ap_pass_brigade(next, bb);
}

static apr_status_t stream(ap_filter_t *f, apr_bucket_brigade *bb)
{
    static const char type[] = "text/event-stream";
    ap_filter_t *next = f->next;
    const char *own = f->r->content_type;

    if (f->ctx != NULL && own != NULL && strncasecmp(own, type, sizeof(type) - 1) == 0) {
        answer_lasts(f->ctx, 0);
    }
    ap_remove_output_filter(f);
    return ap_pass_brigade(next, bb);
}

void maintenance_hook_lasting(void (*lasts)(void *, int))
{
    answer_lasts = lasts;
    upgraded_filter =
        ap_register_output_filter("MAINTENANCE_UPGRADED", upgraded, NULL, AP_FTYPE_CONNECTION);
    stream_filter =
        ap_register_output_filter("MAINTENANCE_STREAM", stream, NULL, AP_FTYPE_PROTOCOL - 1);
}

void maintenance_watch_answer(request_rec *r, void *data, int is_upgraded)
{
    if (is_upgraded) {
        watched_request *watched = apr_palloc(r->connection->pool, sizeof(*watched));

        watched->data = data;
        apr_pool_cleanup_register(r->pool, watched, request_is_gone, apr_pool_cleanup_null);
        ap_add_output_filter_handle(upgraded_filter, watched, r, r->connection);
    } else {
        ap_add_output_filter_handle(stream_filter, data, r, r->connection);
    }
}

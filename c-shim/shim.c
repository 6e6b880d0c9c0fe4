#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_DEFAULT */
#endif
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

#include "apr_buckets.h"
#include "ap_listen.h"
#include "ap_mpm.h"
#include "mpm_common.h"
#include "scoreboard.h"
#include "unixd.h"

#if HTTPD_2_4
#include "ap_expr.h"
#include "http_main.h"
APLOG_USE_MODULE(maintenance);
#else
/* In 2.2 each MPM declares it in its own header. */
extern server_rec *ap_server_conf;
#endif

void maintenance_log(const server_rec *s, int level, const char *message, apr_size_t length)
{
    ap_log_error(APLOG_MARK, level, 0, s ? s : ap_server_conf, "%.*s", (int)length, message);
}

int maintenance_logs_debug(const request_rec *r)
{
#if HTTPD_2_4
    return APLOG_R_IS_LEVEL(r, APLOG_DEBUG);
#else
    return r->server->loglevel >= APLOG_DEBUG;
#endif
}

void maintenance_log_debug(const request_rec *r, const char *message, apr_size_t length)
{
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "%.*s", (int)length, message);
}

const void *maintenance_compile(const cmd_parms *cmd, const char *expr, const char **error)
{
#if HTTPD_2_4
    return ap_expr_parse_cmd(cmd, expr, 0, error, NULL);
#else
    *error = "httpd 2.2 has no expressions";
    return NULL;
#endif
}

int maintenance_evaluate(request_rec *r, const void *expr, const char **error)
{
#if HTTPD_2_4
    return ap_expr_exec(r, expr, error);
#else
    *error = "httpd 2.2 has no expressions";
    return 0;
#endif
}

const apr_sockaddr_t *maintenance_address(const request_rec *r)
{
#if HTTPD_2_4
    return r->useragent_addr;
#else
    return r->connection->remote_addr;
#endif
}

void maintenance_show_request_line(request_rec *r)
{
    ap_update_child_status(r->connection->sbh, SERVER_BUSY_WRITE, r);
}

#if HTTPD_2_4
/* An entry of a hook's list, the same in all versions; mod_info has such a structure, too. */
typedef struct {
    int (*function)(request_rec *);
    const char *name;
    const char *const *predecessors;
    const char *const *successors;
    int order;
} hook_entry;

/* httpd's core_override_type, which gives a request the handler of SetHandler. */
static int (*override_type)(request_rec *);
#endif

void maintenance_find_override(void)
{
#if HTTPD_2_4
    const apr_array_header_t *hooks = ap_hook_get_fixups();
    const hook_entry *entries = hooks == NULL ? NULL : (const hook_entry *)hooks->elts;
    int i;

    override_type = NULL;
    for (i = 0; entries != NULL && i < hooks->nelts; i++) {
        if (entries[i].name != NULL && strcmp(entries[i].name, "core.c") == 0) {
            override_type = entries[i].function;
        }
    }
#endif
}

const char *maintenance_configured_handler(request_rec *r)
{
    const core_dir_config *core = ap_get_module_config(r->per_dir_config, &core_module);

#if HTTPD_2_4
    /* Since 2.4.19 the handler is an expression in a field that the headers of older servers lack,
     * so httpd's own function evaluates it. What else it changes, it will change again. */
    if (core_module.minor_version >= 53 && override_type != NULL) {
        const char *own = r->handler, *content_type = r->content_type, *found;
        const int used_path_info = r->used_path_info;

        r->handler = NULL;
        found = override_type(r) == OK ? r->handler : NULL;
        r->handler = own;
        r->content_type = content_type;
        r->used_path_info = used_path_info;
        return found;
    }
#endif
    return core->handler;
}

static int unescape(const core_dir_config *core, char *path)
{
    if (!core->allow_encoded_slashes) {
        return ap_unescape_url(path);
    }
#if HTTPD_2_4
    return ap_unescape_url_keep2f(path, core->decode_encoded_slashes);
#else
    return ap_unescape_url_keep2f(path);
#endif
}

static int (*normalize_path)(char *, unsigned int);

void maintenance_find_functions(void)
{
    /* Available since 2.4.49. Looked up at run time, so that a module built for an older
     * server behaves correctly in a newer one. */
    *(void **)&normalize_path = dlsym(RTLD_DEFAULT, "ap_normalize_path");
}

enum { NOT_ABOVE_ROOT = 1 << 1, DECODE_UNRESERVED = 1 << 2, MERGE_SLASHES = 1 << 3 };

static int remove_dots(char *path)
{
    if (!normalize_path) {
        ap_getparents(path);
        ap_no2slash(path); /* done by ap_location_walk itself before 2.4.39 */
        return 1;
    }
    return normalize_path(path, NOT_ABOVE_ROOT | MERGE_SLASHES | DECODE_UNRESERVED);
}

/* Follows ap_process_request_internal. */
int maintenance_normalize(const request_rec *r, char *path)
{
    const core_dir_config *core = ap_get_module_config(r->per_dir_config, &core_module);

    if (normalize_path && !remove_dots(path)) {
        return 0;
    }
    if (unescape(core, path) != OK) {
        /* httpd rejects the path, unless another module translates it undecoded. */
        memcpy(path, r->uri, strlen(r->uri) + 1);
        return remove_dots(path);
    }
    if (!normalize_path) {
        return remove_dots(path);
    }
#if HTTPD_2_4
    if (core->allow_encoded_slashes && core->decode_encoded_slashes) {
        /* Decoded slashes may have created new segments. */
        normalize_path(path, NOT_ABOVE_ROOT | MERGE_SLASHES);
    }
#endif
    return 1;
}

int maintenance_is_first_reading(const server_rec *s)
{
#if HTTPD_2_4
    (void)s;
    return ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG;
#else
    static const char key[] = "mod_maintenance:read";
    apr_pool_t *pool = s->process->pool;
    void *seen = NULL;

    apr_pool_userdata_get(&seen, key, pool);
    /* Not ..._setn: the key's text disappears when httpd unloads the module. */
    apr_pool_userdata_set(pool, key, apr_pool_cleanup_null, pool);
    /* If there was no earlier reading, the module may have been added at a restart. */
    return seen == NULL && ap_my_generation == 0;
#endif
}

int maintenance_is_test(void)
{
#if HTTPD_2_4
    return ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST;
#else
    return 0;
#endif
}

int maintenance_generation(void)
{
#if HTTPD_2_4
    return ap_state_query(AP_SQ_CONFIG_GEN); /* 0 and 1: the two readings at start */
#else
    return ap_my_generation + 1;
#endif
}

int maintenance_has_cache_quick_handler(void)
{
    return HTTPD_2_4;
}

apr_size_t maintenance_thread_stack(void)
{
    /* Whether the headers declare it depends on the MPM for which they were configured. */
    const apr_size_t *size = dlsym(RTLD_DEFAULT, "ap_thread_stacksize");
    int threads = 0;

    if (!size || ap_mpm_query(AP_MPMQ_IS_THREADED, &threads) != APR_SUCCESS
        || threads == AP_MPMQ_NOT_SUPPORTED) {
        return 0;
    }
    return *size;
}

int maintenance_is_chrooted(void)
{
#if HTTPD_2_4
    return ap_unixd_config.chroot_dir != NULL;
#elif AP_MODULE_MAGIC_AT_LEAST(20051115, 18)
    return unixd_config.chroot_dir != NULL;
#else
    return 0; /* ChrootDir came with 2.2.10 */
#endif
}

const server_rec *maintenance_main_server(void)
{
    return ap_server_conf;
}

const apr_sockaddr_t *maintenance_listening_address(int number)
{
    const ap_listen_rec *listener = ap_listeners;

    while (listener != NULL && number-- > 0) {
        listener = listener->next;
    }
    return listener == NULL ? NULL : listener->bind_addr;
}

int maintenance_listening_port(int number)
{
    const apr_sockaddr_t *address = maintenance_listening_address(number);

    return address == NULL ? -1 : address->port;
}

#if !HTTPD_2_4
#define client_addr remote_addr
#define client_ip remote_ip
#endif

int maintenance_set_client(request_rec *r, const char *address, int family,
                           maintenance_client *own)
{
    conn_rec *c = r->connection;
    apr_sockaddr_t *sa;

    if (apr_sockaddr_info_get(&sa, address, family, 0, 0, r->pool) != APR_SUCCESS) {
        return 0;
    }
    own->addr = c->client_addr;
    own->ip = c->client_ip;
    own->host = c->remote_host;
    own->logname = c->remote_logname;
    own->double_reverse = c->double_reverse;
    c->client_addr = sa;
    c->client_ip = apr_pstrdup(r->pool, address);
    /* httpd determines these on demand. */
    c->remote_host = NULL;
    c->remote_logname = NULL;
    c->double_reverse = 0;
#if HTTPD_2_4
    own->useragent_addr = r->useragent_addr;
    own->useragent_ip = r->useragent_ip;
    /* With the connection's own pointer, httpd uses the connection's host name and not the user
     * agent's name that it caches in the request since 2.4.19 (ap_get_useragent_host). */
    r->useragent_addr = c->client_addr;
    r->useragent_ip = c->client_ip;
#endif
    return 1;
}

void maintenance_reset_client(request_rec *r, const maintenance_client *own)
{
    conn_rec *c = r->connection;

    c->client_addr = own->addr;
    c->client_ip = own->ip;
    c->remote_host = own->host;
    c->remote_logname = own->logname;
    c->double_reverse = own->double_reverse;
#if HTTPD_2_4
    r->useragent_addr = own->useragent_addr;
    r->useragent_ip = own->useragent_ip;
#endif
}

apr_status_t maintenance_pass_body(request_rec *r, const char *body, apr_size_t length)
{
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, alloc);

    /* A pool bucket and not an immortal one: it copies the data if it outlives the pool. */
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_pool_create(body, length, r->pool, alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
    return ap_pass_brigade(r->output_filters, bb);
}

void maintenance_abort(request_rec *r)
{
    r->connection->aborted = 1;
}

void maintenance_scoreboard_size(int *processes, int *threads)
{
    const global_score *global = ap_exists_scoreboard_image() ? ap_get_scoreboard_global() : NULL;

    *processes = global == NULL ? 0 : global->server_limit;
    *threads = global == NULL ? 0 : global->thread_limit;
}

int maintenance_busy_worker(int process, int thread, maintenance_worker *worker)
{
#if HTTPD_2_4
    /* The server's own record and not a copy: newer servers have longer ones. */
    const worker_score *ws = ap_get_scoreboard_worker_from_indexes(process, thread);
#else
    const worker_score *ws = ap_get_scoreboard_worker(process, thread);
#endif
    const process_score *ps = ap_get_scoreboard_process(process);

    if (ws == NULL || ps == NULL
        || (ws->status != SERVER_BUSY_WRITE && ws->status != SERVER_GRACEFUL)) {
        return 0;
    }
    worker->process = ws->pid != 0 ? ws->pid : ps->pid;
    /* As the MPMs number connections (ID_FROM_CHILD_THREAD). */
    worker->connection = (unsigned long)process * ap_get_scoreboard_global()->thread_limit + thread;
    worker->began = ws->start_time;
    memcpy(worker->request, ws->request, sizeof(worker->request));
    worker->request[sizeof(worker->request) - 1] = '\0';
    return 1;
}

#ifdef MAINTENANCE_PROVOKE_DEFECT
int maintenance_provoke_overflow(int index)
{
    volatile char *block = calloc(1, 8);
    int read = block[index];

    free((void *)block);
    return read;
}

int maintenance_provoke_signed_overflow(int more)
{
    volatile int largest = INT_MAX;

    return largest + more;
}
#endif

/*
 * The one input of bindgen: what the Rust side sees of httpd and APR, and the few functions
 * below, which exist because a macro or a variadic function stands in the way, or because httpd
 * 2.2 and 2.4 differ.
 */
#ifndef MAINTENANCE_SHIM_H
#define MAINTENANCE_SHIM_H

/* In 2.2 it opens what modules may know of the core. */
#define CORE_PRIVATE

#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "http_request.h"
#include "http_vhost.h"
#include "util_cfgtree.h"
#include "util_filter.h"

#include "apr_pools.h"
#include "apr_shm.h"
#include "apr_strings.h"
#include "apr_tables.h"
#include "apr_time.h"

/* Writes one line to s's error log, without one to the main server's (ap_log_error is variadic). */
void maintenance_log(const server_rec *s, int level, const char *message, apr_size_t length);

/* Does the request's log take lines of level debug (APLOG_R_IS_LEVEL)? */
int maintenance_logs_debug(const request_rec *r);

/* Writes one line of level debug, with what httpd adds for a request (ap_log_rerror). */
void maintenance_log_debug(const request_rec *r, const char *message, apr_size_t length);

/*
 * Compiles an expression for `cmd`; sets *error where that fails (ap_expr_parse_cmd). The result
 * lives as long as the configuration. 2.2 has no expressions.
 */
const void *maintenance_compile(const cmd_parms *cmd, const char *expr, const char **error);

/* Does a compiled expression hold for the request? Sets *error where that cannot be told. */
int maintenance_evaluate(request_rec *r, const void *expr, const char **error);

/* The address that httpd calls the client's: mod_remoteip's in 2.4, the connection's in 2.2. */
const apr_sockaddr_t *maintenance_address(const request_rec *r);

/* Finds what this server has and an older one has not; once, before requests come. */
void maintenance_find_functions(void);

/*
 * Turns `path`, a copy of r->uri as it was sent, in place into the path that this server will hold
 * against <Location>. What the server cannot decode stays encoded. 0 where it is going to turn the
 * path down in any case.
 */
int maintenance_normalize(const request_rec *r, char *path);

/* Is this post_config of the reading at start that only checks the configuration? */
int maintenance_is_first_reading(const server_rec *s);

/* Is the configuration read for httpd -t alone? 2.2 does not tell. */
int maintenance_is_test(void);

/* How often the configuration was read before, without the first time at start, which only checks it:
 * 1 and less while httpd starts, one more with each restart. */
int maintenance_generation(void);

/* Can mod_cache be told not to answer as a quick handler? Not so in 2.2. */
int maintenance_has_cache_quick_handler(void);

/* Do children see another root of the file system than the parent (ChrootDir)? */
int maintenance_is_chrooted(void);

/* ThreadStackSize, in bytes; 0 where it is not set, or where requests are served without threads. */
apr_size_t maintenance_thread_stack(void);

/* `check` runs when the whole configuration has been read, also for httpd -t (2.4 alone). */
void maintenance_hook_check_config(int (*check)(apr_pool_t *, apr_pool_t *, apr_pool_t *,
                                                server_rec *));

/* `look` runs in the parent about every ten seconds. */
void maintenance_hook_monitor(void (*look)(server_rec *));

/* The server outside of all virtual hosts. */
const server_rec *maintenance_main_server(void);

/*
 * `show` adds to mod_status's page where that is loaded; with `is_short` to its lines for programs,
 * with `is_plain` without tables.
 */
void maintenance_hook_status(int (*show)(request_rec *, int is_short, int is_plain));

/* The port of the listener with this number, from 0 on; -1 behind the last. */
int maintenance_listening_port(int number);

/* What a request and its connection say of their client. */
typedef struct {
    apr_sockaddr_t *addr;
    char *ip;
    char *host;
    char *logname;
    int double_reverse;
    apr_sockaddr_t *useragent_addr;
    char *useragent_ip;
} maintenance_client;

/*
 * Makes `r` one of another client, whose address is of this family (APR_UNSPEC would have the
 * resolver look at the addresses of this machine), and keeps what it was in *own. 0 where `address`
 * is none; then nothing is changed. Of the connection nothing else is touched: another thread may
 * write to it meanwhile (mod_http2).
 */
int maintenance_set_client(request_rec *r, const char *address, int family,
                           maintenance_client *own);

/* Puts back what maintenance_set_client has kept. */
void maintenance_reset_client(request_rec *r, const maintenance_client *own);

/*
 * `on_switch` runs when a request has its connection go over to another protocol (2.4.17 and
 * later); it returns DECLINED.
 */
void maintenance_hook_switch(int (*on_switch)(request_rec *));

/* Before requests come: `ended` is what maintenance_watch_end calls. */
void maintenance_hook_end(void (*ended)(void *));

/*
 * Has `ended` called with `data`, once, when the answer to `r` has been handed to mod_http2, which
 * keeps the request for as long as nothing else happens on the client's connection. `data` has to
 * live as long as r->pool; after that it is not passed on any more. Nothing for other protocols, where
 * the request itself ends in time.
 */
void maintenance_watch_end(request_rec *r, void *data);

/*
 * Passes one brigade, `body` and EOS, to the request's output filters (the brigade's rings are
 * macros). `body` is not copied: it has to outlive r->pool.
 */
apr_status_t maintenance_pass_body(request_rec *r, const char *body, apr_size_t length);

#ifdef MAINTENANCE_PROVOKE_DEFECT
/* Reads `index` bytes behind the beginning of a block of 8 from the heap. */
int maintenance_provoke_overflow(int index);

/* Adds `more` to the largest `int`. */
int maintenance_provoke_signed_overflow(int more);
#endif

#endif

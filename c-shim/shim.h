/*
 * The only input of bindgen: the parts of httpd and APR that the Rust code uses, and the functions
 * below, which are needed because of macros, variadic functions, or differences between httpd 2.2
 * and 2.4.
 */
#ifndef MAINTENANCE_SHIM_H
#define MAINTENANCE_SHIM_H

/* In 2.2 this declares the core's structures to modules. */
#define CORE_PRIVATE

#include "httpd.h"

#if AP_MODULE_MAGIC_AT_LEAST(20120211, 0)
#define HTTPD_2_4 1
#else
#define HTTPD_2_4 0
#endif

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

/* Writes a line to the error log of s, or of the main server if s is NULL (ap_log_error). */
void maintenance_log(const server_rec *s, int level, const char *message, apr_size_t length);

/* Whether lines of level debug are logged for the request (APLOG_R_IS_LEVEL). */
int maintenance_logs_debug(const request_rec *r);

/* Writes a line of level debug with httpd's prefix for the request (ap_log_rerror). */
void maintenance_log_debug(const request_rec *r, const char *message, apr_size_t length);

/*
 * Compiles an expression for `cmd`; sets *error on failure (ap_expr_parse_cmd). The result lives as
 * long as the configuration. httpd 2.2 has no expressions.
 */
const void *maintenance_compile(const cmd_parms *cmd, const char *expr, const char **error);

/* Whether a compiled expression is true for the request. Sets *error on failure. */
int maintenance_evaluate(request_rec *r, const void *expr, const char **error);

/* The client's address: that of mod_remoteip in 2.4, that of the connection in 2.2. */
const apr_sockaddr_t *maintenance_address(const request_rec *r);

/*
 * Shows the request line as it is now in mod_status (ap_update_child_status). httpd has put the one
 * that was sent there before it called the first hook.
 */
void maintenance_show_request_line(request_rec *r);

/*
 * The handler that SetHandler names in the sections of r->per_dir_config, as httpd itself will find
 * it later; NULL if it names none.
 */
const char *maintenance_configured_handler(request_rec *r);

/* Finds the function of httpd's for the above. Called once, when all modules are loaded. */
void maintenance_find_override(void);

/* Looks up functions that older servers lack. Called once, before there are requests. */
void maintenance_find_functions(void);

/*
 * Converts `path`, a copy of r->uri as it was sent, in place into the path that this server will
 * compare with <Location>. Anything that the server cannot decode stays encoded. Returns 0 if the
 * server will reject the path in any case.
 */
int maintenance_normalize(const request_rec *r, char *path);

/* Whether post_config runs for the first reading at start, which only checks the configuration. */
int maintenance_is_first_reading(const server_rec *s);

/* Whether the configuration is read for httpd -t only; always 0 in 2.2. */
int maintenance_is_test(void);

/* How often the configuration has been read, except the first reading at start, which only checks
 * it: at most 1 while httpd starts, one more with each restart. */
int maintenance_generation(void);

/* Whether mod_cache has CacheQuickHandler; not in 2.2. */
int maintenance_has_cache_quick_handler(void);

/* Whether children have another root directory than the parent (ChrootDir). */
int maintenance_is_chrooted(void);

/* ThreadStackSize in bytes; 0 if it is not set, or if the MPM does not use threads. */
apr_size_t maintenance_thread_stack(void);

/* `check` is called when the whole configuration has been read, also for httpd -t (only in 2.4). */
void maintenance_hook_check_config(int (*check)(apr_pool_t *, apr_pool_t *, apr_pool_t *,
                                                server_rec *));

/* `look` is called in the parent about every ten seconds. */
void maintenance_hook_monitor(void (*look)(server_rec *));

/* The server outside of all virtual hosts. */
const server_rec *maintenance_main_server(void);

/*
 * `show` adds a section to the mod_status page if mod_status is loaded: with `is_short` to its
 * machine-readable lines, with `is_plain` without tables.
 */
void maintenance_hook_status(int (*show)(request_rec *, int is_short, int is_plain));

/* The address of the listener with this number, counted from 0; NULL after the last one. */
const apr_sockaddr_t *maintenance_listening_address(int number);

/* The port of that listener; -1 after the last one. */
int maintenance_listening_port(int number);

/* The data of a request and its connection about the client. */
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
 * Changes the client of `r` to `address` of this family (with APR_UNSPEC the resolver would check
 * the addresses of this machine), and saves the previous values in *own. Returns 0, and changes
 * nothing, if `address` is not valid. No other fields of the connection are changed, because
 * another thread may be writing to them (mod_http2).
 */
int maintenance_set_client(request_rec *r, const char *address, int family,
                           maintenance_client *own);

/* Restores the values that maintenance_set_client has saved. */
void maintenance_reset_client(request_rec *r, const maintenance_client *own);

/*
 * `on_switch` is called when the connection of a request switches to another protocol (2.4.17 and
 * later). It returns DECLINED.
 */
void maintenance_hook_switch(int (*on_switch)(request_rec *));

/* Sets the function that maintenance_watch_end calls. Must be called before there are requests. */
void maintenance_hook_end(void (*ended)(void *));

/*
 * Calls `ended` with `data` once, when the answer to `r` has been passed to mod_http2, which keeps
 * the request until something else happens on the client's connection. `data` must live as long as
 * r->pool, and is not used after that. Does nothing for other protocols, where the request itself
 * ends in time.
 */
void maintenance_watch_end(request_rec *r, void *data);

/*
 * `proxied` is called when mod_proxy has prepared the header section of a request for the backend
 * (its optional hook fixups): mod_proxy_http and mod_proxy_wstunnel do so. It returns DECLINED.
 */
void maintenance_hook_proxied(int (*proxied)(request_rec *));

/* Sets the function that maintenance_watch_answer calls. Must be called before there are requests. */
void maintenance_hook_lasting(void (*lasts)(void *, int is_upgraded));

/*
 * Calls `lasts` with `data` when the answer to `r` begins, if it is one with status 101
 * (`is_upgraded`), or an event stream. `data` must live as long as r->pool.
 */
void maintenance_watch_answer(request_rec *r, void *data, int is_upgraded);

/* A worker in the scoreboard. */
typedef struct {
    int process;
    apr_uint64_t connection;
    apr_time_t began;
    char request[64];
} maintenance_worker;

/* The numbers of processes and of threads in each that the scoreboard has room for. */
void maintenance_scoreboard_size(int *processes, int *threads);

/*
 * Copies what the scoreboard says about a worker. Returns 0 if it serves no request. Other processes
 * may write at the same time, so the copy can be mixed from two requests.
 */
int maintenance_busy_worker(int process, int thread, maintenance_worker *worker);

/*
 * Passes a brigade with `body` and EOS to the request's output filters (brigades are accessed by
 * macros). `body` is not copied and must outlive r->pool.
 */
apr_status_t maintenance_pass_body(request_rec *r, const char *body, apr_size_t length);

/* Ends the connection of the request without the end of the answer (a bit field in httpd 2.2). */
void maintenance_abort(request_rec *r);

#ifdef MAINTENANCE_PROVOKE_DEFECT
/* Reads the byte at `index` of an 8-byte heap block. */
int maintenance_provoke_overflow(int index);

/* Adds `more` to the largest `int`. */
int maintenance_provoke_signed_overflow(int more);
#endif

#endif

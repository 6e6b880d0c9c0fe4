/*
 * The one input of bindgen: what the Rust side sees of httpd and APR, and the few functions
 * below, which exist because a macro or a variadic function stands in the way.
 */
#ifndef MAINTENANCE_SHIM_H
#define MAINTENANCE_SHIM_H

#include "httpd.h"
#include "ap_expr.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"
#include "http_main.h"
#include "http_protocol.h"
#include "http_request.h"
#include "mpm_common.h"
#include "unixd.h"
#include "util_filter.h"

#include "apr_pools.h"
#include "apr_shm.h"
#include "apr_strings.h"
#include "apr_tables.h"
#include "apr_time.h"

/* Writes one line to s's error log (ap_log_error is a variadic macro). */
void maintenance_log(const server_rec *s, int level, const char *message, apr_size_t length);

/* Does the request's log take lines of level debug (APLOG_R_IS_LEVEL)? */
int maintenance_logs_debug(const request_rec *r);

/* Writes one line of level debug, with what httpd adds for a request (ap_log_rerror). */
void maintenance_log_debug(const request_rec *r, const char *message, apr_size_t length);

/* Compiles an expression for `cmd`; sets *error where that fails (ap_expr_parse_cmd). */
ap_expr_info_t *maintenance_compile(const cmd_parms *cmd, const char *expr, const char **error);

/*
 * Passes one brigade, `body` and EOS, to the request's output filters (the brigade's rings are
 * macros). `body` is not copied: it has to outlive r->pool.
 */
apr_status_t maintenance_pass_body(request_rec *r, const char *body, apr_size_t length);

#endif

#include "shim.h"

#include "apr_buckets.h"

#ifdef APLOG_USE_MODULE
APLOG_USE_MODULE(maintenance);
#endif

void maintenance_log(const server_rec *s, int level, const char *message, apr_size_t length)
{
    ap_log_error(APLOG_MARK, level, 0, s, "%.*s", (int)length, message);
}

int maintenance_logs_debug(const request_rec *r)
{
    return APLOG_R_IS_LEVEL(r, APLOG_DEBUG);
}

void maintenance_log_debug(const request_rec *r, const char *message, apr_size_t length)
{
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, "%.*s", (int)length, message);
}

ap_expr_info_t *maintenance_compile(const cmd_parms *cmd, const char *expr, const char **error)
{
    return ap_expr_parse_cmd(cmd, expr, 0, error, NULL);
}

apr_status_t maintenance_pass_body(request_rec *r, const char *body, apr_size_t length)
{
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, alloc);

    /* A pool bucket and not an immortal one: should it outlive the pool, it copies itself. */
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_pool_create(body, length, r->pool, alloc));
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_eos_create(alloc));
    return ap_pass_brigade(r->output_filters, bb);
}

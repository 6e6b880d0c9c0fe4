/* The least that a module can do for what mod_maintenance does, as a yardstick: one stat for each
 * request, and if the file is there, the same answer, of which everything is constant. No allowlist,
 * no negotiation, no counters.
 *
 *     BareFlag /path/of/the/flag
 *     BarePage /path/of/the/page
 */

#include <sys/stat.h>

#include "httpd.h"
#include "http_config.h"
#include "http_core.h"
#include "http_protocol.h"
#include "util_filter.h"
#include "apr_file_io.h"

static const char *flag;
static char *page;
static apr_size_t length;

static const char *set_flag(cmd_parms *cmd, void *unused, const char *path)
{
    flag = path;
    return NULL;
}

static const char *set_page(cmd_parms *cmd, void *unused, const char *path)
{
    apr_file_t *file;
    apr_finfo_t info;
    if (apr_file_open(&file, path, APR_READ, 0, cmd->pool) != APR_SUCCESS
        || apr_file_info_get(&info, APR_FINFO_SIZE, file) != APR_SUCCESS)
        return apr_pstrcat(cmd->pool, "BarePage: cannot read ", path, NULL);
    length = (apr_size_t)info.size;
    page = apr_palloc(cmd->pool, length + 1);
    if (apr_file_read_full(file, page, length, NULL) != APR_SUCCESS)
        return apr_pstrcat(cmd->pool, "BarePage: cannot read ", path, NULL);
    apr_file_close(file);
    return NULL;
}

static int quick_handler(request_rec *r, int lookup)
{
    struct stat info;
    apr_bucket_brigade *brigade;
    if (stat(flag, &info) != 0)
        return DECLINED;
    r->status = HTTP_INTERNAL_SERVER_ERROR;
    ap_set_content_type(r, "text/html; charset=utf-8");
    ap_set_content_length(r, (apr_off_t)length);
    apr_table_setn(r->err_headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->err_headers_out, "Maintenance", "closed");
    apr_table_setn(r->err_headers_out, "Retry-After", "315");
    apr_table_setn(r->headers_out, "Vary", "Accept, Accept-Encoding");
    brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    APR_BRIGADE_INSERT_TAIL(
        brigade, apr_bucket_immortal_create(page, length, brigade->bucket_alloc));
    APR_BRIGADE_INSERT_TAIL(brigade, apr_bucket_eos_create(brigade->bucket_alloc));
    ap_pass_brigade(r->output_filters, brigade);
    return DONE;
}

static void register_hooks(apr_pool_t *pool)
{
    ap_hook_quick_handler(quick_handler, NULL, NULL, APR_HOOK_REALLY_FIRST - 1);
}

static const command_rec commands[] = {
    AP_INIT_TAKE1("BareFlag", set_flag, NULL, RSRC_CONF, "the file that closes the site"),
    AP_INIT_TAKE1("BarePage", set_page, NULL, RSRC_CONF, "the page of the closed site"),
    {NULL}
};

AP_DECLARE_MODULE(bare) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, commands, register_hooks
};

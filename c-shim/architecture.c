/*
 * Compiles only if apr.h belongs to the architecture that the module is built for. httpd's own
 * structures would have other sizes otherwise.
 */
#include "apr.h"

#define IS_BIG_ENDIAN (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

_Static_assert(APR_IS_BIGENDIAN == IS_BIG_ENDIAN, "apr.h is for another byte order");
_Static_assert(APR_SIZEOF_VOIDP == sizeof(void *), "apr.h is for pointers of another size");
_Static_assert(sizeof(apr_size_t) == sizeof(void *), "apr.h is for another size_t");
_Static_assert(sizeof(apr_int64_t) == 8, "apr.h is for another long");

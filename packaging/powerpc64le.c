/*
 * libunwind's stdio, for powerpc64le. zig's compiler has the IEEE format for long double there, for
 * which glibc's headers rename fprintf and snprintf to functions that came with glibc 2.32, and RHEL
 * 8 has 2.28. libunwind prints no long double, so these pass everything on to the old functions.
 * Compiled with -mabi=ibmlongdouble, or they would call themselves.
 */
#include <stdarg.h>
#include <stdio.h>

#define HIDDEN __attribute__((visibility("hidden")))

HIDDEN int __fprintfieee128(FILE *stream, const char *format, ...)
{
    va_list arguments;
    int written;

    va_start(arguments, format);
    written = vfprintf(stream, format, arguments);
    va_end(arguments);
    return written;
}

HIDDEN int __snprintfieee128(char *text, size_t size, const char *format, ...)
{
    va_list arguments;
    int written;

    va_start(arguments, format);
    written = vsnprintf(text, size, format, arguments);
    va_end(arguments);
    return written;
}

/* Simulates a name server that does not answer. Preloaded into httpd.
 *
 *   SLOW_LABEL  names that contain this text take a minute
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*resolver)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    const char *label = getenv("SLOW_LABEL");
    resolver real = (resolver)dlsym(RTLD_NEXT, "getaddrinfo");

    if (name && label && strstr(name, label)) {
        sleep(60);
    }
    return real ? real(name, service, hints, found) : EAI_FAIL;
}

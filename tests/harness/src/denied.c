/* Simulates SELinux for a file that was moved and has kept its label: the folder can be searched, but
 * every access to the file fails with EACCES. Preloaded into httpd.
 *
 *   DENIED_PATHS  the files, separated by ":"
 *   DENIED_WHILE  as long as this file exists
 *   DENIED_USER   only for this user ID, if it is set
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_named(const char *path)
{
    const char *next, *paths = getenv("DENIED_PATHS");
    size_t length = path ? strlen(path) : 0;

    for (; paths && length; paths = next ? next + 1 : NULL) {
        next = strchr(paths, ':');
        if ((next ? (size_t)(next - paths) : strlen(paths)) == length
            && memcmp(paths, path, length) == 0) {
            return 1;
        }
    }
    return 0;
}

/* The result of a look that returned this value. A symbolic link itself may be examined. */
static int judge(int result, const char *path, int is_link_itself)
{
    const char *control = getenv("DENIED_WHILE"), *user = getenv("DENIED_USER");
    char target[1];
    int before = errno;

    if ((result == 0 || before == EACCES) && is_named(path) && control && access(control, F_OK) == 0
        && (!user || (uid_t)atol(user) == geteuid())
        && !(is_link_itself && readlink(path, target, sizeof target) >= 0)) {
        errno = EACCES;
        return -1;
    }
    errno = before;
    return result;
}

#define REAL(type, name) \
    static type real; \
    if (!real && !(real = (type)dlsym(RTLD_NEXT, name))) { errno = ENOSYS; return -1; }

typedef int (*stat_function)(const char *, void *);
typedef int (*old_function)(int, const char *, void *);
typedef int (*at_function)(int, const char *, void *, int);
typedef int (*statx_function)(int, const char *, int, unsigned, void *);

#define STAT(name, is_link_itself) \
    int name(const char *path, void *result) \
    { REAL(stat_function, #name) return judge(real(path, result), path, is_link_itself); }
#define OLD(name, is_link_itself) \
    int name(int version, const char *path, void *result) \
    { REAL(old_function, #name) return judge(real(version, path, result), path, is_link_itself); }
#define AT(name) \
    int name(int folder, const char *path, void *result, int flags) \
    { REAL(at_function, #name) \
      return judge(real(folder, path, result, flags), path, (flags & AT_SYMLINK_NOFOLLOW) != 0); }

/* Defined without the headers, because the structures that they fill in do not matter here. */
STAT(stat, 0)
STAT(stat64, 0)
STAT(lstat, 1)
STAT(lstat64, 1)
AT(fstatat)
AT(fstatat64)
/* Before glibc 2.33, stat and the like are inline functions that call these. */
OLD(__xstat, 0)
OLD(__xstat64, 0)
OLD(__lxstat, 1)
OLD(__lxstat64, 1)

int statx(int folder, const char *path, int flags, unsigned mask, void *result)
{
    REAL(statx_function, "statx")
    return judge(real(folder, path, flags, mask, result), path, (flags & AT_SYMLINK_NOFOLLOW) != 0);
}

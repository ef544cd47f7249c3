/* A slower machine than this one, for a program that is started with it (LD_PRELOAD):
 *
 *   SLOW_FSYNC_MS   every fsync and fdatasync takes so many milliseconds longer
 *   SLOW_EXEC_MS    so long passes between fork and exec, while the child holds copies of all that is open
 *
 *   cc -shared -fPIC -O2 -o target/slow_machine.so tests/slow_machine.c -ldl
 *   SLOW_FSYNC_MS=1 LD_PRELOAD=$PWD/target/slow_machine.so cargo bench --bench figures -- journal 1000
 *
 * `.ci/run slow` runs the tests on it: none may depend on how fast a disk is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void wait_for(const char *setting) {
    const char *text = getenv(setting);
    long ms = text ? atol(text) : 0;
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

#define NEXT(name, type) ((type)dlsym(RTLD_NEXT, name))

int fsync(int fd) {
    wait_for("SLOW_FSYNC_MS");
    return NEXT("fsync", int (*)(int))(fd);
}

int fdatasync(int fd) {
    wait_for("SLOW_FSYNC_MS");
    return NEXT("fdatasync", int (*)(int))(fd);
}

int execvp(const char *file, char *const arguments[]) {
    wait_for("SLOW_EXEC_MS");
    return NEXT("execvp", int (*)(const char *, char *const[]))(file, arguments);
}

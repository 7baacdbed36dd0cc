/* A disk whose syncs take SYNC_US microseconds longer, for `npm run bench` on a machine whose disk confirms sooner than a disk can
 * (docs/performance.md, "Figures"):
 *
 *   cc -shared -fPIC -O2 -o /tmp/slow-sync.so bench/slow-sync.c
 *   SYNC_US=1000 LD_PRELOAD=/tmp/slow-sync.so npm run bench -- --platform disk --connections 16 --body 1024
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static int slowly(const char *name, int fd) {
  int (*sync)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  const char *us = getenv("SYNC_US");
  int result = sync(fd);
  if (us != NULL) usleep((useconds_t)atoi(us));
  return result;
}

int fsync(int fd) { return slowly("fsync", fd); }

int fdatasync(int fd) { return slowly("fdatasync", fd); }

/* Preloaded into a head: makes the writes and syncs of its database slow, or fail, as a file says at that moment. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum fault { NONE, SLOW_SYNC, FAIL_SYNC, FAIL_WRITE };

static int is_database(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return strstr(path, "drover.db") != NULL;
}

static enum fault fault_now(int fd, int *ms) {
  const char *control = getenv("DROVER_TEST_FAULT");
  if (control == NULL || !is_database(fd)) return NONE;
  FILE *file = fopen(control, "r");
  if (file == NULL) return NONE;
  char word[32] = "";
  *ms = 0;
  int fields = fscanf(file, "%31s %d", word, ms);
  fclose(file);
  if (fields < 1) return NONE;
  if (strcmp(word, "slow-sync") == 0) return SLOW_SYNC;
  if (strcmp(word, "fail-sync") == 0) return FAIL_SYNC;
  if (strcmp(word, "fail-write") == 0) return FAIL_WRITE;
  return NONE;
}

static int sync_with(const char *name, int fd) {
  int ms;
  enum fault fault = fault_now(fd, &ms);
  if (fault == FAIL_SYNC) {
    errno = EIO;
    return -1;
  }
  if (fault == SLOW_SYNC) usleep((useconds_t)ms * 1000);
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  return real(fd);
}

int fsync(int fd) { return sync_with("fsync", fd); }
int fdatasync(int fd) { return sync_with("fdatasync", fd); }

static int write_fails(int fd) {
  int ms;
  if (fault_now(fd, &ms) != FAIL_WRITE) return 0;
  errno = EIO;
  return 1;
}

ssize_t write(int fd, const void *data, size_t size) {
  static ssize_t (*real)(int, const void *, size_t);
  if (!real) real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
  return write_fails(fd) ? -1 : real(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
  static ssize_t (*real)(int, const void *, size_t, off_t);
  if (!real) real = (ssize_t(*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite");
  return write_fails(fd) ? -1 : real(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (!real) real = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
  return write_fails(fd) ? -1 : real(fd, data, size, at);
}

/*
 * relay NAMESPACE DEVICE OUTER CONTROL SEED
 *
 * Two TAP devices, DEVICE in the network namespace (a file) and OUTER here, with this program between them: what `tc netem`
 * would do on a kernel that has it. CONTROL is a file of six 32-bit numbers that is mapped and may change at any time:
 * delay and jitter in microseconds, then loss, duplication, reordering and corruption in millionths of the frames. A frame
 * that is reordered goes at once, ahead of those that wait. Ends when its parent does.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { DELAY, JITTER, LOSS, DUPLICATE, REORDER, CORRUPT, SETTINGS };
enum { FRAME_BYTES = 2048, MOST_WAITING = 4096, MILLION = 1000000 };

struct frame {
  struct frame *next;
  uint64_t due;
  int to;
  int length;
  unsigned char bytes[FRAME_BYTES];
};

static volatile const uint32_t *settings;
static struct frame *waiting;
static int waitingCount;
static uint64_t state;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * MILLION + (uint64_t)t.tv_nsec / 1000;
}

static uint32_t below(uint32_t limit) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return limit == 0 ? 0 : (uint32_t)((state >> 16) % limit);
}

static int chance(int which) { return below(MILLION) < settings[which]; }

static int openTap(const char *name) {
  struct ifreq request;
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) fail("/dev/net/tun");
  memset(&request, 0, sizeof request);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &request) < 0) fail(name);
  return fd;
}

static void push(int to, const unsigned char *bytes, int length, uint64_t due) {
  struct frame **at = &waiting;
  struct frame *frame;
  if (waitingCount >= MOST_WAITING) return;
  frame = malloc(sizeof *frame);
  if (frame == NULL) return;
  frame->due = due;
  frame->to = to;
  frame->length = length;
  memcpy(frame->bytes, bytes, (size_t)length);
  while (*at != NULL && (*at)->due <= due) at = &(*at)->next;
  frame->next = *at;
  *at = frame;
  waitingCount += 1;
}

static void take(int from, int to) {
  unsigned char bytes[FRAME_BYTES];
  for (int round = 0; round < 64; round++) {
    int length = (int)read(from, bytes, sizeof bytes);
    uint64_t due;
    if (length <= 0) return;
    if (chance(LOSS)) continue;
    due = now();
    if (!chance(REORDER)) {
      int64_t late = (int64_t)settings[DELAY] + (int64_t)below(2 * settings[JITTER] + 1) - (int64_t)settings[JITTER];
      if (late > 0) due += (uint64_t)late;
    }
    /* Beyond the Ethernet header: the checksums of IP and TCP are what has to catch it. */
    if (length > 60 && chance(CORRUPT)) bytes[14 + below((uint32_t)length - 14)] ^= (unsigned char)(1u << below(8));
    push(to, bytes, length, due);
    if (chance(DUPLICATE)) push(to, bytes, length, due);
  }
}

int main(int argc, char **argv) {
  int home, there, control, inner, outer;
  if (argc != 6) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  state = strtoull(argv[5], NULL, 10) * 2654435761u + 88172645463325252u;
  control = open(argv[4], O_RDONLY | O_CLOEXEC);
  if (control < 0) fail(argv[4]);
  settings = mmap(NULL, SETTINGS * sizeof(uint32_t), PROT_READ, MAP_SHARED, control, 0);
  if (settings == MAP_FAILED) fail("mmap");
  home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  there = open(argv[1], O_RDONLY | O_CLOEXEC);
  if (home < 0 || there < 0) fail(argv[1]);
  if (setns(there, CLONE_NEWNET) < 0) fail("setns");
  inner = openTap(argv[2]);
  if (setns(home, CLONE_NEWNET) < 0) fail("setns");
  outer = openTap(argv[3]);
  puts("ready");
  fflush(stdout);
  for (;;) {
    struct pollfd ready[2] = {{inner, POLLIN, 0}, {outer, POLLIN, 0}};
    uint64_t time = now();
    int64_t wait = waiting == NULL ? 1000000 : waiting->due <= time ? 0 : (int64_t)(waiting->due - time);
    struct timespec limit = {wait / MILLION, (wait % MILLION) * 1000};
    ppoll(ready, 2, &limit, NULL);
    if (ready[0].revents & POLLIN) take(inner, outer);
    if (ready[1].revents & POLLIN) take(outer, inner);
    time = now();
    while (waiting != NULL && waiting->due <= time) {
      struct frame *frame = waiting;
      waiting = frame->next;
      waitingCount -= 1;
      if (write(frame->to, frame->bytes, (size_t)frame->length) < 0) { /* as lost as on a wire */
      }
      free(frame);
    }
  }
}

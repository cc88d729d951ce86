/*
 * The native shim of one attempt: drover-shim [--pty ROWSxCOLUMNS] DIR ENTRY OOM CAP PROGRAM [ARGUMENT...]
 *
 * DIR: the attempt's folder; ENTRY: the file by which the command enters its cgroup; OOM: its oom_score_adj; either of
 * the two may be empty. CAP: how many bytes of log are kept. It makes `started` exclusively, so nothing starts twice;
 * runs the command in its own process group, of which it survives every signal but KILL, and outside its own cgroup;
 * writes what it says into segments `log.<first offset>`, all of one size; writes its end to `exit`, as `exit CODE end`
 * or `signal NUMBER end`; and stays, as the parent of all that outlives the command, until the last descendant is gone.
 *
 * drover-shim --serve forks such shims for a worker, see "The spawner". --version prints the version of all this.
 * Exit status 121: another shim has this attempt, or `started` could not be written.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define VERSION "drover-shim 1\n"

enum { REFUSED = 121, NOT_BEGUN = 125, NOT_EXECUTABLE = 126, NOT_FOUND = 127 };
/* Of a segment: an eighth of the cap, within these. The log takes at most the cap and one segment of disk. */
enum { SMALLEST_SEGMENT = 64 << 10, LARGEST_SEGMENT = 32 << 20, CHUNK = 64 << 10, LARGE_PIPE = 1 << 20 };
/* Between two tries of what was refused; until what was written to a terminal has come through. */
enum { RETRY_MS = 200, TERMINAL_QUIET_MS = 20 };

static int folder;

static bool fill(int fd, const char *text, size_t length) {
  bool done = fd >= 0 && write(fd, text, length) == (ssize_t)length;
  if (fd >= 0) close(fd);
  return done;
}

/* Makes a file anew. Whatever the command laid at its place goes aside: a folder, a link, a pipe that would block. */
static int make(const char *name) {
  static unsigned count;
  for (int tries = 0;; tries++) {
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 || errno != EEXIST || tries > 2) return fd;
    char aside[32];
    sprintf(aside, "odd.%u", count++);
    if (renameat(folder, name, folder, aside) < 0 && errno != EEXIST && errno != ENOTEMPTY) return -1;
  }
}

/* ---- The log: its bytes get their offsets when they are written, and keep them ---- */

static struct {
  int fd;                    /* of the newest segment; -1 until there is a byte */
  int64_t cap, segment;      /* segment: the size of one */
  int64_t oldest, first, end; /* where the oldest segment begins, the newest one, and the next byte goes */
  char last;                 /* the last byte */
  int64_t lost; /* bytes of the command that could not be written, and of which the log says nothing yet */
  int why;
  char marker[96]; /* what is being said of `told` lost bytes; `marked` bytes of it are in the log */
  int64_t told;
  size_t length, marked;
} record = {.fd = -1, .last = '\n'};

static char *segment_name(int64_t first) {
  static char name[32];
  sprintf(name, "log.%lld", (long long)first);
  return name;
}

static bool next_segment(void) {
  int fd = make(segment_name(record.end));
  if (fd < 0) return false;
  if (record.fd >= 0) close(record.fd);
  record.fd = fd;
  record.first = record.end;
  return true;
}

/* At offsets of our own choice: a command that truncates the file from outside shifts nothing. */
static size_t append(const char *bytes, size_t count) {
  size_t done = 0;
  while (done < count) {
    if ((record.fd < 0 || record.end - record.first >= record.segment) && !next_segment()) break;
    int64_t room = record.first + record.segment - record.end;
    size_t part = (int64_t)(count - done) < room ? count - done : (size_t)room;
    ssize_t written = pwrite(record.fd, bytes + done, part, record.end - record.first);
    if (written <= 0) break;
    done += (size_t)written;
    record.end += written;
    record.last = bytes[done - 1];
    for (; record.end - record.oldest - record.segment >= record.cap; record.oldest += record.segment)
      unlinkat(folder, segment_name(record.oldest), 0);
  }
  if (done < count) record.why = errno;
  return done;
}

/* True when the log lacks nothing of which it does not say so. */
static bool tell_loss(void) {
  if (record.marked == 0) {
    if (record.lost == 0) return true;
    record.told = record.lost;
    const char *line = record.last == '\n' ? "" : "\n";
    const char *why = record.why == ENOSPC || record.why == EDQUOT ? "no space" : "it cannot be written";
    record.length = (size_t)snprintf(record.marker, sizeof record.marker, "%s[drover: %lld bytes of log lost: %s]\n",
                                     line, (long long)record.lost, why);
  }
  size_t written = append(record.marker + record.marked, record.length - record.marked);
  if (record.marked == 0 && written > 0) record.lost -= record.told;
  record.marked += written;
  if (record.marked < record.length) return false;
  return (record.marked = 0, record.lost == 0);
}

/* Never waits for a disk: what cannot be written is dropped, and the log says how much it was once it can. */
static void keep(const char *bytes, size_t count) {
  size_t dropped = tell_loss() ? count - append(bytes, count) : count;
  record.lost += (int64_t)dropped;
}

/* Moves up to `limit` bytes that are there already. False when nobody can write any more. */
static bool pump(int from, size_t limit) {
  static char chunk[CHUNK];
  static bool enlarged;
  while (limit > 0) {
    ssize_t count = read(from, chunk, limit < CHUNK ? limit : CHUNK);
    if (count == 0) return false;
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    keep(chunk, (size_t)count);
    limit -= (size_t)count;
    if (count < CHUNK) return true;
    if (!enlarged) fcntl(from, F_SETPIPE_SZ, LARGE_PIPE);
    enlarged = true;
  }
  return true;
}

/* What the command wrote before it ended; not what others go on to write. */
static void drain(int from, bool terminal) {
  struct pollfd quiet = {.fd = from, .events = POLLIN};
  for (int turn = 0; from >= 0 && turn < (terminal ? 64 : 1); turn++) {
    int waiting = 0;
    if (terminal && poll(&quiet, 1, TERMINAL_QUIET_MS) <= 0) return;
    if (ioctl(from, FIONREAD, &waiting) == 0) pump(from, (size_t)waiting);
  }
}

/* ---- The command ---- */

struct job {
  char **argv, *entry, *oom;
  unsigned short rows, columns; /* of its terminal; 0: it has none */
};

static _Noreturn void fail(int status, const char *what, int why) {
  dprintf(2, "drover: %s: %s\n", what, why == ENOENT && status == NOT_FOUND ? "not found" : strerror(why));
  _exit(status);
}

/* In the child. `output`: a pipe, or the other side of a terminal. */
static _Noreturn void become(const struct job *job, int output) {
  if (job->rows > 0) {
    setsid();
    ioctl(output, TIOCSCTTY, 0);
  }
  for (int fd = job->rows > 0 ? 0 : 1; fd < 3; fd++) dup2(output, fd);
  int entry = *job->entry == 0 ? -1 : open(job->entry, O_WRONLY | O_CLOEXEC);
  if (*job->entry != 0 && !fill(entry, "0", 1)) fail(NOT_BEGUN, "cannot enter its cgroup", errno);
  if (*job->oom != 0) fill(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC), job->oom, strlen(job->oom));
  sigset_t none;
  sigemptyset(&none);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execvp(job->argv[0], job->argv);
  fail(errno == ENOENT ? NOT_FOUND : NOT_EXECUTABLE, job->argv[0], errno);
}

/* Two ends: of what the command writes, and of what we read. */
static bool open_output(const struct job *job, int *theirs, int *ours) {
  int ends[2];
  if (job->rows == 0) {
    if (pipe2(ends, O_CLOEXEC) < 0) return false;
    *ours = ends[0], *theirs = ends[1];
  } else {
    struct winsize size = {.ws_row = job->rows, .ws_col = job->columns};
    *ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*ours < 0 || grantpt(*ours) < 0 || unlockpt(*ours) < 0) return false;
    *theirs = open(ptsname(*ours), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*theirs < 0 || ioctl(*ours, TIOCSWINSZ, &size) < 0) return false;
  }
  return fcntl(*ours, F_SETFL, O_NONBLOCK) == 0;
}

/* ---- The shim ---- */

static void wake(int number) { (void)number; }

/* All but the end of a child, while we wait: nothing else ends the wait, or us. */
static sigset_t but_child;
static void block_signals(void) {
  sigfillset(&but_child);
  sigprocmask(SIG_SETMASK, &but_child, NULL);
  sigdelset(&but_child, SIGCHLD);
  signal(SIGCHLD, wake);
}

/* False while the disk is full: then it is tried again. */
static bool write_end(int status) {
  char text[32];
  int length = WIFSIGNALED(status) ? sprintf(text, "signal %d end\n", WTERMSIG(status))
                                   : sprintf(text, "exit %d end\n", WEXITSTATUS(status));
  int fd = make("exit");
  /* The folder itself is gone, and with it whoever would read this. */
  if (fd < 0 && errno == ENOENT) _exit(1);
  bool made = fd >= 0, done = fill(fd, text, (size_t)length);
  if (made && !done) unlinkat(folder, "exit", 0);
  return done;
}

/* Makes `started` and writes our name into it: our line of /proc, which tells pid and start time. */
static bool take_attempt(void) {
  char line[1024];
  int stat = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  ssize_t length = stat < 0 ? -1 : read(stat, line, sizeof line - 8);
  if (length <= 0) return false;
  close(stat);
  length += sprintf(line + length - 1, " end\n") - 1;
  return fill(openat(folder, "started", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), line, (size_t)length);
}

/* True when it was said, or nobody listens any more. */
static bool say_ended(int tell) {
  char text[32];
  int length = sprintf(text, "E %d\n", getpid());
  return send(tell, text, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL) == length || errno != EAGAIN;
}

/* Reaps all that have ended. False when no child is left, and so no descendant, since all of them come to us. */
static bool reap(pid_t command, bool *ended, int *end) {
  for (;;) {
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return pid == 0;
    if (pid != command || *ended) continue;
    *ended = true, *end = status;
  }
}

static int supervise(pid_t command, int output, bool terminal, int tell) {
  bool ended = false, drained = false, written = false, said = tell < 0;
  int end = 0;
  struct timespec retry = {.tv_nsec = RETRY_MS * 1000000L};
  for (;;) {
    struct pollfd log = {.fd = output, .events = POLLIN};
    bool unsaid = (ended && !written) || (written && !said) || record.lost > 0 || record.marked > 0;
    ppoll(&log, 1, unsaid ? &retry : NULL, &but_child);
    if (log.revents != 0 && !pump(output, LARGE_PIPE)) {
      close(output);
      output = -1;
    }
    /* Each time: where there is always something to read, the signal is never taken. */
    bool alive = reap(command, &ended, &end);
    if (unsaid) tell_loss();
    if (!ended) continue;
    if (!drained) drain(output, terminal);
    drained = true;
    if (!written) written = write_end(end);
    if (written && alive && !said) said = say_ended(tell);
    if (!written || alive) continue;
    drain(output, terminal);
    tell_loss();
    return 0;
  }
}

/* `argv`: from DIR on. @returns the exit status */
static int run(char **argv, struct job job, int tell) {
  int theirs = -1, ours = -1;
  block_signals();
  setsid();
  folder = open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0 || !take_attempt()) return REFUSED;
  job.entry = argv[1], job.oom = argv[2], job.argv = argv + 4;
  record.cap = atoll(argv[3]);
  record.segment = record.cap / 8;
  if (record.segment < SMALLEST_SEGMENT) record.segment = SMALLEST_SEGMENT;
  if (record.segment > LARGEST_SEGMENT) record.segment = LARGEST_SEGMENT;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  pid_t command = open_output(&job, &theirs, &ours) ? fork() : -1;
  if (command == 0) become(&job, theirs);
  if (command < 0) {
    char text[64];
    keep(text, (size_t)snprintf(text, sizeof text, "drover: cannot start it: error %d\n", errno));
    while (!write_end(NOT_BEGUN << 8)) poll(NULL, 0, RETRY_MS);
    return 0;
  }
  /* The other side of a terminal stays open: without one, reading fails. Of a pipe its end is then seen. */
  if (job.rows == 0) close(theirs);
  return supervise(command, ours, job.rows > 0, tell);
}

/* ---- The spawner: forks shims for a worker, whose own fork would copy the page tables of a large process ---- */

/*
 * Orders come on descriptor 0: four numbers of 32 bits (bytes that follow, order, arguments, variables), then strings
 * ended by NUL: the working directory, the arguments from DIR on, the environment. Replies go to descriptor 1, a line
 * each: `S ORDER PID` or `F ORDER ERRNO`; `G PID STATUS` when a shim has gone, with 128+n for signal n; `E PID` from a
 * shim itself, when the end is written and descendants live on. It ends when its orders do; the shims go on. They are
 * forked and not executed, which would cost five times as much: so they write over what /proc shows of them.
 */
static struct shown {
  char *at, *end;
} words, variables;
static void show(struct shown shown, char *const *strings) {
  for (; *strings != NULL && strlen(*strings) < (size_t)(shown.end - shown.at); strings++)
    shown.at = stpcpy(shown.at, *strings) + 1;
  memset(shown.at, 0, (size_t)(shown.end - shown.at));
}

static void reply(const char *format, unsigned a, int b) {
  char text[48];
  int length = snprintf(text, sizeof text, format, a, b);
  if (write(1, text, (size_t)length) != length) _exit(0);
}

/* In the fork. */
static _Noreturn void begin(char *self, char **argv, char **env) {
  int tell = fcntl(1, F_DUPFD_CLOEXEC, 3), null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; fd++) dup2(null, fd);
  close(null);
  show(words, (char *[]){self, argv[0], NULL});
  show(variables, env);
  environ = env;
  _exit(run(argv, (struct job){0}, tell));
}

static void start(char *self, char *next, const uint32_t *head) {
  char **argv = calloc(head[2] + head[3] + 2, sizeof *argv), **env = argv + head[2] + 1;
  pid_t pid = -1;
  if (argv != NULL && chdir(next) == 0) {
    for (uint32_t i = 0; i < head[2]; i++) argv[i] = next += strlen(next) + 1;
    for (uint32_t i = 0; i < head[3]; i++) env[i] = next += strlen(next) + 1;
    pid = fork();
  }
  if (pid == 0) begin(self, argv, env);
  reply(pid > 0 ? "S %u %d\n" : "F %u %d\n", head[1], pid > 0 ? pid : errno);
  free(argv);
  if (chdir("/") < 0) _exit(1);
}

static int serve(char *self) {
  size_t size = CHUNK, filled = 0;
  block_signals();
  for (char *buffer = malloc(size); buffer != NULL;) {
    int status;
    struct pollfd orders = {.fd = 0, .events = POLLIN};
    ppoll(&orders, 1, NULL, &but_child);
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
      reply("G %u %d\n", (unsigned)pid, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    if (orders.revents == 0) continue;
    ssize_t count = read(0, buffer + filled, size - filled);
    if (count <= 0) return 0;
    filled += (size_t)count;
    char *at = buffer, *end = buffer + filled;
    for (uint32_t head[4]; (size_t)(end - at) >= sizeof head; at += sizeof head + head[0]) {
      memcpy(head, at, sizeof head);
      if ((size_t)(end - at) < sizeof head + head[0]) break;
      start(self, at + sizeof head, head);
    }
    filled = (size_t)(end - at);
    memmove(buffer, at, filled);
    if (filled == size) buffer = realloc(buffer, size *= 2);
  }
  return 1;
}

int main(int argc, char **argv) {
  int at = 1;
  struct job job = {0};
  if (argc == 2 && strcmp(argv[1], "--version") == 0) return write(1, VERSION, sizeof VERSION - 1) < 0;
  if (argc > 1 && strcmp(argv[1], "--serve") == 0) {
    char **last = environ, *self = strdup(argv[0]);
    while (*last != NULL && last[1] != NULL) last++;
    words = (struct shown){argv[0], argv[argc - 1] + strlen(argv[argc - 1])};
    if (*last != NULL) variables = (struct shown){environ[0], *last + strlen(*last)};
    return serve(self);
  }
  if (argc > 2 && strcmp(argv[1], "--pty") == 0) {
    if (sscanf(argv[at + 1], "%hux%hu", &job.rows, &job.columns) != 2 || job.rows == 0) return 2;
    at += 2;
  }
  return argc - at < 5 ? 2 : run(argv + at, job, -1);
}

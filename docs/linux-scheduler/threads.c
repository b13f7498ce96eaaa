/*
 * Threads under Linux's scheduler, each in a control group of its own, as /init of a guest. /runs has a line for each
 * run: its seconds, and for each thread weight[:run ms:every ms][@quota in percent of a processor]. What came of it is
 * printed as JSON.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#define MOST 64
struct result {
  double cpu_ms;
  long switches, involuntary, wakeups;
  double late_ms, latest_ms;
};
static struct result *results;
static double now_ms(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}
static void put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY);
  if (fd < 0 || write(fd, text, strlen(text)) < 0) printf("cannot write %s to %s\n", text, path);
  close(fd);
}
static void group(int i, int weight, int quota_percent) {
  char dir[64], path[96], text[32];
  snprintf(dir, sizeof dir, "/cg/vm%d", i);
  mkdir(dir, 0755);
  snprintf(path, sizeof path, "%s/cpu.weight", dir);
  snprintf(text, sizeof text, "%d", weight);
  put(path, text);
  snprintf(path, sizeof path, "%s/cpu.max", dir);
  if (quota_percent) snprintf(text, sizeof text, "%d 100000", quota_percent * 1000);
  else
    strcpy(text, "max 100000");
  put(path, text);
  snprintf(path, sizeof path, "%s/cgroup.procs", dir);
  snprintf(text, sizeof text, "%d", getpid());
  put(path, text);
}
static void work(int i, const char *spec, double start, double end) {
  double weight = atof(spec), runs = 0, every = 0;
  int quota = 0;
  const char *at = strchr(spec, '@'), *colon = strchr(spec, ':');
  if (at) quota = atoi(at + 1);
  if (colon) sscanf(colon, ":%lf:%lf", &runs, &every);
  group(i, (int)(100 * weight), quota);
  struct timespec begin = {(time_t)(start / 1e3), (long)((start - 1e3 * (time_t)(start / 1e3)) * 1e6)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &begin, 0);
  struct rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  double cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID);
  struct result *r = &results[i];
  if (!runs)
    while (now_ms(CLOCK_MONOTONIC) < end)
      for (volatile int k = 0; k < 2000; k++)
        ;
  else
    for (double due = start + every; due < end && now_ms(CLOCK_MONOTONIC) < end; due += every) {
      struct timespec t = {(time_t)(due / 1e3), (long)((due - 1e3 * (time_t)(due / 1e3)) * 1e6)};
      if (now_ms(CLOCK_MONOTONIC) < due) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0);
      double until = now_ms(CLOCK_PROCESS_CPUTIME_ID) + runs;
      while (now_ms(CLOCK_PROCESS_CPUTIME_ID) < until)
        for (volatile int k = 0; k < 200; k++)
          ;
      double late = now_ms(CLOCK_MONOTONIC) - due - runs;
      r->wakeups++;
      r->late_ms += late;
      if (late > r->latest_ms) r->latest_ms = late;
    }
  r->cpu_ms = now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  getrusage(RUSAGE_SELF, &after);
  r->involuntary = after.ru_nivcsw - before.ru_nivcsw;
  r->switches = after.ru_nvcsw - before.ru_nvcsw;
  _exit(0);
}
static void run(char *line) {
  char *specs[MOST];
  int n = 0;
  double seconds = atof(strtok(line, " \n"));
  char *spec;
  while ((spec = strtok(0, " \n")))
    specs[n++] = spec;
  memset(results, 0, MOST * sizeof *results);
  double start = now_ms(CLOCK_MONOTONIC) + 200, end = start + 1e3 * seconds;
  for (int i = 0; i < n; i++)
    if (!fork()) work(i, specs[i], start, end);
  while (wait(0) > 0)
    ;
  printf("{\"seconds\": %g, \"threads\": [", seconds);
  for (int i = 0; i < n; i++) {
    struct result *r = &results[i];
    printf("%s{\"thread\": \"%s\", \"cpu_ms\": %.2f, \"involuntary\": %ld, \"voluntary\": %ld, \"wakeups\": %ld, "
           "\"late_ms\": %.3f, \"latest_ms\": %.3f}",
           i ? ", " : "", specs[i], r->cpu_ms, r->involuntary, r->switches, r->wakeups,
           r->wakeups ? r->late_ms / r->wakeups : 0, r->latest_ms);
  }
  printf("]}\n");
  fflush(stdout);
  for (int i = 0; i < n; i++) {
    char dir[64];
    snprintf(dir, sizeof dir, "/cg/vm%d", i);
    rmdir(dir);
  }
}
int main(void) {
  setvbuf(stdout, 0, _IOLBF, 0);
  mkdir("/cg", 0755);
  mount("cg", "/cg", "cgroup2", 0, 0);
  put("/cg/cgroup.subtree_control", "+cpu");
  results = mmap(0, MOST * sizeof *results, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  FILE *runs = fopen("/runs", "r");
  char line[1024];
  printf("BEGIN %ld CPUs\n", sysconf(_SC_NPROCESSORS_ONLN));
  while (fgets(line, sizeof line, runs))
    if (line[0] != '\n' && line[0] != '#') run(line);
  printf("END\n");
  sync();
  reboot(RB_POWER_OFF);
  return 0;
}

/* What Linux 2.4 and its disk would do otherwise than today's machine, for programs started with LD_PRELOAD. README.md says how. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS 10000000LL

/* A write of the log takes as long as SYNC_US says; others run meanwhile. */
int fdatasync(int file)
{
	const char *given = getenv("SYNC_US");
	long us = given ? atol(given) : 0;
	struct timespec wait = {us / 1000000, us % 1000000 * 1000};

	if (us > 0)
		nanosleep(&wait, NULL);
	return 0;
}

/* Without descriptors it sleeps: until a tick of the timer, of 100 in a second. */
int select(int count, fd_set *readable, fd_set *writable, fd_set *others, struct timeval *wait)
{
	static int (*real)(int, fd_set *, fd_set *, fd_set *, struct timeval *);

	if (count == 0 && wait != NULL)
	{
		long long ticks = (wait->tv_sec * 1000000000LL + wait->tv_usec * 1000LL + TICK_NS - 1) / TICK_NS;
		struct timespec now, until;
		long long ns;

		clock_gettime(CLOCK_MONOTONIC, &now);
		ns = ((now.tv_sec * 1000000000LL + now.tv_nsec) / TICK_NS + (ticks > 0 ? ticks : 1)) * TICK_NS;
		until.tv_sec = ns / 1000000000LL;
		until.tv_nsec = ns % 1000000000LL;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		return 0;
	}
	if (real == NULL)
		real = dlsym(RTLD_NEXT, "select");
	return real(count, readable, writable, others, wait);
}

/* What is read without a system call today was one. */
time_t time(time_t *into)
{
	return syscall(SYS_time, into);
}

int gettimeofday(struct timeval *into, void *zone)
{
	return syscall(SYS_gettimeofday, into, zone);
}

/*
 * membench MIB TOUCHES WORK: takes MIB MiB of anonymous memory, page by page, then touches pages of it: 80 % of the touches go
 * to the first quarter of the pages, 30 % write, each is followed by WORK steps of arithmetic. Prints the seconds of guest time
 * and the page faults of the touches.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

enum { PAGE_BYTES = 4096, SEED = 88172645 };

static uint64_t state = SEED;

/* Marsaglia 2003, xorshift64. */
static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "membench MIB TOUCHES WORK\n");
		return 2;
	}
	long pages = atol(argv[1]) * (1 << 20) / PAGE_BYTES;
	long touches = atol(argv[2]);
	long work = atol(argv[3]);
	long hot = pages / 4;
	volatile char *memory = mmap(NULL, pages * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	for (long page = 0; page < pages; page++)
		memory[page * PAGE_BYTES] = (char)next_random();

	struct rusage before, after;
	getrusage(RUSAGE_SELF, &before);
	double start = seconds();
	volatile uint64_t sum = 0;
	for (long touch = 0; touch < touches; touch++) {
		uint64_t random = next_random();
		uint64_t place = next_random();
		long page = random % 100 < 80 ? place % hot : hot + place % (pages - hot);
		volatile char *byte = memory + page * PAGE_BYTES + (random >> 52);
		if ((random >> 20) % 100 < 30)
			*byte = (char)random;
		else
			sum += *byte;
		for (long step = 0; step < work; step++)
			sum += step;
	}
	double took = seconds() - start;
	getrusage(RUSAGE_SELF, &after);
	printf("membench %.3f s majflt %ld minflt %ld\n", took, after.ru_majflt - before.ru_majflt,
	       after.ru_minflt - before.ru_minflt);
	return 0;
}

/*
 * slots.c: what becomes of the slots of swapped pages that are read back and then written (Linux 6.1, do_wp_page), or written at once
 * (do_swap_page). Prints, in pages, what SwapFree of /proc/meminfo says after each step.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

enum { PAGES = 2048, PAGE_BYTES = 4096 };

static long swap_free(void)
{
	char line[128];
	long kib = -1;
	FILE *file = fopen("/proc/meminfo", "r");
	while (fgets(line, sizeof line, file))
		sscanf(line, "SwapFree: %ld", &kib);
	fclose(file);
	return kib / 4;
}

static void step(const char *name)
{
	struct timespec seconds = { 2, 0 };
	nanosleep(&seconds, NULL);
	printf("%s %ld\n", name, swap_free());
}

int main(void)
{
	volatile char *memory = mmap(NULL, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long sum = 0;
	step("begin");
	for (int write_at_once = 0; write_at_once < 2; write_at_once++) {
		for (int page = 0; page < PAGES; page++)
			memory[page * PAGE_BYTES] = 1;
		madvise((void *)memory, PAGES * PAGE_BYTES, MADV_PAGEOUT);
		step("out");
		for (int page = 0; page < PAGES && !write_at_once; page++)
			sum += memory[page * PAGE_BYTES];
		step("read");
		for (int page = 0; page < PAGES; page++)
			memory[page * PAGE_BYTES] = 2;
		step("written");
		madvise((void *)memory, PAGES * PAGE_BYTES, MADV_DONTNEED);
		step("given up");
	}
	return sum == 0;
}

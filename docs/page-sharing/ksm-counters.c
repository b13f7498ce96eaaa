/*
 * What the KSM of the running kernel counts while it merges pages of given contents, batch by batch.
 *
 *   ksm-counters CONTENTS vms=N stages=N passes=N[,N...] [extra=N[,N...]] [sample=MS] [thp=1] [mlock=1] [SETTING=VALUE...]
 *
 * CONTENTS is in the format of workloads/data/ksm-staged.gz, unpacked; a content of 0xffffffff gives the page back
 * (MADV_DONTNEED). One process a VM maps that many pages as the VM has, private, anonymous and advised mergeable. In each stage
 * they write what is different, then the scanner makes so many passes and so many batches more. Any other word is a file of
 * /sys/kernel/mm/ksm and what is written to it. Settings are put back at the end.
 *
 * The scanner sleeps for days and is woken by a change of sleep_millisecs: it scans one batch and sleeps again, so counters are
 * read while nothing moves. With sample= it runs by itself, and counters are read every MS milliseconds meanwhile.
 *
 * Prints one line of JSON: what each stage rewrote, and samples.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define KSM "/sys/kernel/mm/ksm/"
#define PAGE 4096UL
#define GONE 0xffffffffu
enum { VMS = 64, STAGES = 16, SETTINGS = 16 };

struct change { uint32_t count, *pages, *contents; };
static struct change changes[VMS][STAGES];
static int vms = 1, stages = 1, passes[STAGES], extra[STAGES], sample_ms, thp, locked;
static int to_vm[VMS], from_vm[VMS];
static pid_t processes[VMS], scanner;

static void fail(const char *what) { perror(what); exit(1); }

static long counter(const char *name) {
	char path[96], text[32];
	snprintf(path, sizeof path, KSM "%s", name);
	int file = open(path, O_RDONLY);
	if (file < 0) return 0; /* older kernels do not have all of them */
	ssize_t length = read(file, text, sizeof text - 1);
	close(file);
	text[length < 0 ? 0 : length] = 0;
	return atol(text);
}

static void set(const char *name, long value) {
	char path[96], text[32];
	snprintf(path, sizeof path, KSM "%s", name);
	int file = open(path, O_WRONLY);
	if (file < 0 || write(file, text, snprintf(text, sizeof text, "%ld\n", value)) < 0) fail(path);
	close(file);
}

static void fill(uint64_t *page, uint32_t content) {
	uint64_t state = (uint64_t)content << 32;
	for (unsigned i = 0; i < PAGE / 8; i++) { /* splitmix64, Steele 2014 */
		uint64_t z = state += 0x9e3779b97f4a7c15;
		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		page[i] = content == 0 ? 0 : z ^ z >> 31;
	}
	*(uint32_t *)page = __builtin_bswap32(content * 0x9e3779b1); /* the order in which the kernel's trees have pages */
}

static void read_contents(const char *path) {
	FILE *file = fopen(path, "r");
	if (file == NULL) fail(path);
	uint32_t known = 0;
	for (int vm = 0; vm < vms; vm++)
		for (int stage = 0; stage < stages; stage++) {
			struct change *c = &changes[vm][stage];
			if (fread(&c->count, 4, 1, file) != 1) fail("contents end early");
			c->pages = malloc(4L * c->count + 4);
			c->contents = malloc(4L * c->count + 4);
			if (fread(c->pages, 4, c->count, file) + fread(c->contents, 4, c->count, file) != 2L * c->count) fail("contents end early");
			for (uint32_t i = 0, page = -1; i < c->count; i++) {
				page = c->pages[i] += page;
				uint32_t word = c->contents[i];
				if (word != GONE) c->contents[i] = word == 1 ? ++known : word == 0 ? 0 : word - 1;
			}
		}
	fclose(file);
}

static long faults(void) {
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* A VM: maps its memory, then writes what each stage changes when it is told to, and answers how many faults that took. */
static void run_vm(int vm) {
	uint32_t pages = 0;
	for (int stage = 0; stage < stages; stage++) {
		struct change *c = &changes[vm][stage];
		if (c->count > 0 && c->pages[c->count - 1] >= pages) pages = c->pages[c->count - 1] + 1;
	}
	size_t bytes = pages * PAGE, large = 2UL << 20;
	char *memory = mmap(NULL, bytes + large, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) fail("mmap");
	memory = (char *)(((uintptr_t)memory + large - 1) & ~(large - 1));
	madvise(memory, bytes, thp ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	if (madvise(memory, bytes, MADV_MERGEABLE) != 0) fail("MADV_MERGEABLE");
	if (write(from_vm[vm], "", 1) < 0) exit(1);
	char stage;
	while (read(to_vm[vm], &stage, 1) == 1) {
		struct change *c = &changes[vm][(int)stage];
		volatile uint32_t sink = 0;
		for (uint32_t i = 0; i < c->count; i++) sink += c->pages[i] + c->contents[i]; /* so that only VMs' pages fault below */
		long before = faults();
		for (uint32_t i = 0; i < c->count; i++) {
			char *page = memory + c->pages[i] * PAGE;
			if (c->contents[i] == GONE) madvise(page, PAGE, MADV_DONTNEED);
			else fill((uint64_t *)page, c->contents[i]);
		}
		if (locked && stage == 0 && mlock(memory, bytes) != 0) fail("mlock");
		before = faults() - before;
		if (write(from_vm[vm], &before, sizeof before) < 0) exit(1);
	}
	exit(0);
}

static void start_vms(void) {
	for (int vm = 0; vm < vms; vm++) {
		int there[2], back[2];
		if (pipe(there) != 0 || pipe(back) != 0) fail("pipe");
		processes[vm] = fork();
		if (processes[vm] == 0) {
			to_vm[vm] = there[0];
			from_vm[vm] = back[1];
			close(there[1]);
			for (int other = 0; other < vm; other++) close(to_vm[other]);
			run_vm(vm);
		}
		close(there[0]);
		close(back[1]);
		to_vm[vm] = there[1];
		from_vm[vm] = back[0];
		char ready; /* the scanner goes by VMs in the order in which they register */
		if (read(back[0], &ready, 1) != 1) fail("a VM");
	}
}

static pid_t find_scanner(void) {
	DIR *all = opendir("/proc");
	for (struct dirent *each; (each = readdir(all)) != NULL;) {
		char path[300], name[16] = "";
		snprintf(path, sizeof path, "/proc/%s/comm", each->d_name);
		FILE *file = fopen(path, "r");
		if (file == NULL) continue;
		if (fscanf(file, "%15s", name) == 1 && strcmp(name, "ksmd") == 0) return atoi(each->d_name);
		fclose(file);
	}
	exit(1);
}

static double seconds(void) {
	char path[32];
	long ns = 0;
	snprintf(path, sizeof path, "/proc/%d/schedstat", scanner);
	FILE *file = fopen(path, "r");
	if (file != NULL && fscanf(file, "%ld", &ns) == 1) fclose(file);
	return ns / 1e9;
}

/* In all of a batch it is running, runnable or waits uninterruptibly. */
static void await_sleep(void) {
	char path[32], text[64], state = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", scanner);
	do {
		int file = open(path, O_RDONLY);
		ssize_t length = read(file, text, sizeof text - 1);
		close(file);
		text[length < 0 ? 0 : length] = 0;
		char *end = strchr(text, ')');
		state = end == NULL ? 0 : end[2];
		if (state != 'S') usleep(50);
	} while (state != 'S');
}

static long scanned_before, skipped_before;

static void print_sample(int stage, const char *before) {
	printf("%s[%d,%ld,%ld,%ld,%ld,%ld,%ld,%ld,%ld,%ld,%ld]", before, stage, counter("pages_scanned") - scanned_before, counter("full_scans"),
		counter("pages_shared"), counter("pages_sharing"), counter("pages_unshared"), counter("pages_volatile"), counter("ksm_zero_pages"),
		counter("pages_skipped") - skipped_before, counter("stable_node_chains"), counter("stable_node_dups"));
}

static int parse_list(const char *text, int *list) {
	int count = 0;
	for (char *rest = (char *)text; *rest != 0 && count < STAGES; count++) {
		list[count] = strtol(rest, &rest, 10);
		if (*rest == ',') rest++;
	}
	for (int i = count; i < STAGES; i++) list[i] = list[count - 1];
	return count;
}

int main(int argc, char **argv) {
	const char *names[SETTINGS];
	long old[SETTINGS], new[SETTINGS];
	int settings = 0;
	parse_list("3", passes);
	for (int i = 2; i < argc; i++) {
		char *value = strchr(argv[i], '=');
		if (value == NULL) fail(argv[i]);
		*value++ = 0;
		if (strcmp(argv[i], "vms") == 0) vms = atoi(value);
		else if (strcmp(argv[i], "stages") == 0) stages = atoi(value);
		else if (strcmp(argv[i], "passes") == 0) parse_list(value, passes);
		else if (strcmp(argv[i], "extra") == 0) parse_list(value, extra);
		else if (strcmp(argv[i], "sample") == 0) sample_ms = atoi(value);
		else if (strcmp(argv[i], "thp") == 0) thp = atoi(value);
		else if (strcmp(argv[i], "mlock") == 0) locked = atoi(value);
		else {
			names[settings] = argv[i];
			new[settings++] = atol(value);
		}
	}
	signal(SIGPIPE, SIG_IGN);
	scanner = find_scanner();
	read_contents(argv[1]);
	set("run", 2); /* nothing of an earlier run is left */
	set("run", 0);
	long sleep_before = counter("sleep_millisecs"), pause = 400000000;
	for (int i = 0; i < settings; i++) {
		old[i] = counter(names[i]);
		set(names[i], new[i]);
	}
	if (!sample_ms) set("sleep_millisecs", pause);
	start_vms();
	scanned_before = counter("pages_scanned");
	skipped_before = counter("pages_skipped");
	double cpu = seconds();
	printf("{\"samples\":[");
	long rewritten_faults[STAGES][VMS];
	int first = 1, running = 0;
	for (int stage = 0; stage < stages; stage++) {
		for (int vm = 0; vm < vms; vm++) {
			char command = stage;
			if (write(to_vm[vm], &command, 1) != 1 || read(from_vm[vm], &rewritten_faults[stage][vm], 8) != 8) fail("a VM");
		}
		if (stage > 0) print_sample(stage, first ? "" : ",\n");
		long end = counter("full_scans") + passes[stage];
		if (sample_ms) {
			set("run", 1);
			while (counter("full_scans") < end) {
				usleep(sample_ms * 1000);
				print_sample(stage, first ? "" : ",\n");
				first = 0;
			}
			set("run", 0);
			print_sample(stage, ",\n");
			continue;
		}
		for (int more = extra[stage]; counter("full_scans") < end || more-- > 0;) {
			if (!running) set("run", 1);
			else set("sleep_millisecs", ++pause);
			running = 1;
			await_sleep();
			print_sample(stage, first ? "" : ",\n");
			first = 0;
		}
	}
	printf("],\n\"ksmd_cpu_s\":%.3f,\"faults\":[", seconds() - cpu);
	for (int stage = 0; stage < stages; stage++)
		for (int vm = 0; vm < vms; vm++) printf("%s%ld%s", vm == 0 ? "[" : ",", rewritten_faults[stage][vm], vm + 1 < vms ? "" : stage + 1 < stages ? "]," : "]");
	printf("],\"merging\":[");
	for (int vm = 0; vm < vms; vm++) {
		char path[48];
		long pages = -1;
		snprintf(path, sizeof path, "/proc/%d/ksm_merging_pages", processes[vm]);
		FILE *file = fopen(path, "r");
		if (file != NULL && fscanf(file, "%ld", &pages) == 1) fclose(file);
		printf("%s%ld", vm == 0 ? "" : ",", pages);
	}
	printf("]}\n");
	for (int vm = 0; vm < vms; vm++) close(to_vm[vm]);
	for (int vm = 0; vm < vms; vm++) waitpid(processes[vm], NULL, 0);
	set("run", 2);
	for (int i = 0; i < settings; i++) set(names[i], old[i]);
	set("sleep_millisecs", sleep_before);
	set("run", 0);
	return 0;
}

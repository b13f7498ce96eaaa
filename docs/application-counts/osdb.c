/* Multi-user tests of OSDB on PostgreSQL 7.1, and a count of what the kernel does for a tuple. README.md says how. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "libpq-fe.h"

static PGconn *connection;

static PGresult *sql(const char *text)
{
	PGresult *result = PQexec(connection, text);
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN)
	{
		fprintf(stderr, "%s: %s", text, PQerrorMessage(connection));
		exit(1);
	}
	return result;
}

static void command(const char *text)
{
	PQclear(sql(text));
}

static void open_database(void)
{
	connection = PQconnectdb("dbname=osdb");
	if (PQstatus(connection) != CONNECTION_OK)
	{
		fprintf(stderr, "%s", PQerrorMessage(connection));
		exit(1);
	}
}

static double seconds(void)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	return now.tv_sec + now.tv_usec / 1e6;
}

/* A permutation of 0 ... rows - 1, and the key 1 left out, as in the data of AS3AP. */
static long key_at(long row, long rows)
{
	long key = (row * 7919 + 13) % rows;

	return key == 1 ? rows : key;
}

static void letters(char *into, int length)
{
	int i;

	for (i = 0; i < length; i++)
		into[i] = 'a' + random() % 26;
	into[length] = 0;
}

static void load(const char *table, long rows)
{
	char text[400], code[11], name[21], address[81];
	long row;

	sprintf(text,
			"create table %s (col_key int not null, col_int int not null, col_signed int, col_float float4 not null, "
			"col_double float not null, col_decim numeric(18,2) not null, col_date char(20) not null, "
			"col_code char(10) not null, col_name char(20) not null, col_address varchar(80) not null)", table);
	command(text);
	sprintf(text, "copy %s from stdin using delimiters ','", table);
	command(text);
	for (row = 0; row < rows; row++)
	{
		long key = key_at(row, rows);

		letters(code, 10);
		letters(name, 20);
		letters(address, 2 + random() % 39);
		sprintf(text, "%ld,%ld,%ld,%ld,%ld,%ld,%ld/%ld/%ld,%s,%s,%s\n", key, key, random() % 1000000000 - 500000000,
				random() % 1000000000 - 500000000, random() % 1000000000 - 500000000, random() % 1000000000 - 500000000,
				1 + random() % 12, 1 + random() % 28, 1900 + random() % 100, code, name, address);
		PQputline(connection, text);
	}
	PQputline(connection, "\\.\n");
	PQendcopy(connection);
}

static void create(long rows)
{
	static const char *const tables[] = {"uniques", "hundred", "tenpct", "updates"};
	char text[200];
	int i;

	for (i = 0; i < 4; i++)
	{
		load(tables[i], rows);
		sprintf(text, "create unique index %s_key_bt on %s using btree (col_key)", tables[i], tables[i]);
		command(text);
		sprintf(text, "create index %s_code_h on %s using %s (col_code)", tables[i], tables[i], getenv("OSDB_HASH") ? "hash" : "btree");
		command(text);
	}
	command("create index updates_int_bt on updates using btree (col_int)");
	command("create index updates_double_bt on updates using btree (col_double)");
	command("create index updates_decim_bt on updates using btree (col_decim)");
}

static long random_key(long rows)
{
	long key = random() % rows;

	return key == 1 ? 2 : key;
}

static void ir_select(long rows)
{
	char text[200];

	command("begin");
	sprintf(text, "declare user_cursor cursor for select col_key, col_code, col_date, col_signed, col_name "
			"from updates where col_key = %ld", random_key(rows));
	command(text);
	command("fetch 1 in user_cursor");
	command("close user_cursor");
	command("end");
}

static void oltp_update(long rows)
{
	char text[200];

	command("begin");
	sprintf(text, "update updates set col_signed = col_signed + 1 where col_key = %ld", random_key(rows));
	command(text);
	command("end");
}

/* A field of /proc/<pid>/status, or of /proc/<pid>/stat if it has a number. */
static long counter(int pid, const char *field)
{
	char path[40], line[1000];
	long value = -1;
	FILE *file;

	sprintf(path, "/proc/%d/%s", pid, *field == '#' ? "stat" : "status");
	if ((file = fopen(path, "r")) == NULL)
		return 0;
	while (value < 0 && fgets(line, sizeof line, file))
		if (*field == '#')
		{
			char *at = strrchr(line, ')');
			int skip = atoi(field + 1) - 2;

			while (skip-- && at)
				at = strchr(at + 1, ' ');
			value = at ? atol(at) : 0;
		}
		else if (strncmp(line, field, strlen(field)) == 0)
			value = atol(line + strlen(field) + 1);
	fclose(file);
	return value < 0 ? 0 : value;
}

static const char *const COUNTED[] = {"voluntary_ctxt_switches", "nonvoluntary_ctxt_switches", "#10", "#14", "#15"};
#define KINDS 5

static void count(int pid, int sign, long *counts)
{
	int i;

	for (i = 0; i < KINDS; i++)
		counts[i] += sign * counter(pid, COUNTED[i]);
}

struct report
{
	long tuples, user[KINDS], server[KINDS];
};

static void run_user(const char *test, long rows, double from, double until, int out)
{
	void (*query)(long) = strcmp(test, "ir") == 0 ? ir_select : oltp_update;
	struct report report;
	int server;

	memset(&report, 0, sizeof report);
	srandom(getpid());
	open_database();
	server = PQbackendPID(connection);
	while (seconds() < from)
		query(rows);
	count(getpid(), -1, report.user);
	count(server, -1, report.server);
	while (seconds() < until)
	{
		query(rows);
		report.tuples++;
	}
	count(getpid(), 1, report.user);
	count(server, 1, report.server);
	write(out, &report, sizeof report);
	PQfinish(connection);
	exit(0);
}

static void run(const char *test, long rows, int users, double time)
{
	static const char *const names[] = {"voluntary switches", "other switches", "page faults", "ticks in user code", "ticks in the kernel"};
	double start = seconds();
	struct report one, sum;
	int pipes[2], i, k;

	memset(&sum, 0, sizeof sum);
	pipe(pipes);
	for (i = 0; i < users; i++)
		if (fork() == 0)
			run_user(test, rows, start + 2, start + 2 + time, pipes[1]);
	close(pipes[1]);
	for (i = 0; i < users; i++)
	{
		if (read(pipes[0], &one, sizeof one) != sizeof one)
			exit(1);
		sum.tuples += one.tuples;
		for (k = 0; k < KINDS; k++)
		{
			sum.user[k] += one.user[k];
			sum.server[k] += one.server[k];
		}
	}
	printf("%s, %d users: %ld tuples, %.1f a second", test, users, sum.tuples, sum.tuples / time);
	for (k = 0; k < KINDS; k++)
		printf("\n  %-20s %8.4f user %8.4f server", names[k], (double) sum.user[k] / sum.tuples, (double) sum.server[k] / sum.tuples);
	printf("\n");
	while (wait(NULL) > 0)
		;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "create") == 0)
	{
		open_database();
		create(atol(argv[2]));
	}
	else if (argc == 5)
		run(argv[1], atol(argv[2]), atoi(argv[3]), atof(argv[4]));
	else
		fprintf(stderr, "usage: osdb create ROWS | osdb ir|oltp ROWS USERS SECONDS\n");
	return 0;
}

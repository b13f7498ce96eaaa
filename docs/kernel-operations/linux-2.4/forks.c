// The loops of lmbench's lat_proc.c (its main renamed), a number of turns: prints to the console the faults of a turn, of the process
// itself and of its children, those without a file and those on a file. After one run of the loop, so that it is warm.
extern int atoi(const char *), open(const char *, int), write(int, const char *, int), sprintf(char *, const char *, ...), getrusage(int, long *);
extern void do_fork(unsigned long, void *), do_forkexec(unsigned long, void *), do_shell(unsigned long, void *);

enum { SELF = 0, CHILDREN = -1, MINOR = 8, MAJOR = 9 };

int main(int count, char **arguments) {
  static long own[2][18], children[2][18];
  static char line[200];
  int turns = atoi(arguments[2]), console = open("/dev/console", 2);
  (void)count;
  for (int run = 0; run < 2; run++) {
    (*arguments[1] == 'f' ? do_fork : *arguments[1] == 'e' ? do_forkexec : do_shell)(turns, 0);
    getrusage(SELF, own[run]), getrusage(CHILDREN, children[run]);
  }
#define FAULTS(of, kind) (double)(of[1][kind] - of[0][kind]) / turns
  write(console, line, sprintf(line, "%s: itself %g + %g, children %g + %g\n", arguments[1], FAULTS(own, MINOR), FAULTS(own, MAJOR), FAULTS(children, MINOR), FAULTS(children, MAJOR)));
  return 0;
}

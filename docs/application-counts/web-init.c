// Init of Linux 2.4 on IA-32 for web-clients.py: interfaces, Apache, and a server on port 81 that answers with how many packets
// there have been and calls an address of its own (MARKS + 16 * the digit it was sent), which the plug-in count.c looks for.
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

__asm__(".section .marks,\"ax\"\n.rept 64\n.balign 16\nret\n.endr\n.text\n");

static void mark(int number) { __asm__ volatile("call *%0" ::"r"(0x700000 + 16 * number) : "memory"); }

static void up(const char *name, const char *address, const char *mask) {
  struct ifreq request = {0};
  struct sockaddr_in *to = (struct sockaddr_in *)&request.ifr_addr;
  int file = socket(AF_INET, SOCK_DGRAM, 0);
  strcpy(request.ifr_name, name);
  to->sin_family = AF_INET;
  inet_aton(address, &to->sin_addr);
  if (ioctl(file, SIOCSIFADDR, &request) < 0) printf("%s has no address\n", name);
  inet_aton(mask, &to->sin_addr);
  ioctl(file, SIOCSIFNETMASK, &request);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  ioctl(file, SIOCSIFFLAGS, &request);
  close(file);
}

int main(void) {
  mount("proc", "/proc", "proc", 0, 0);
  up("lo", "127.0.0.1", "255.0.0.0");
  up("eth0", "10.0.2.15", "255.255.255.0");
  if (!fork()) execl("/httpd", "httpd", "-f", "/httpd.conf", (char *)0);
  wait(0);
  int server = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(81)};
  bind(server, (struct sockaddr *)&address, sizeof address);
  listen(server, 5);
  puts("ready");
  fflush(stdout);
  for (;;) {
    static char text[4096];
    int client = accept(server, 0, 0), packets = open("/proc/net/dev", O_RDONLY);
    char digit = '0';
    read(client, &digit, 1);
    write(client, text, read(packets, text, sizeof text));
    close(packets), close(client);
    mark(digit - '0');
  }
}

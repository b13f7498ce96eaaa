"""Clients of SPEC WEB99's static files. README.md says how: web-clients.py HOST PORT USERS SECONDS BYTES_PER_SECOND."""
import random
import socket
import sys
import threading
import time

# Shares of the four classes of files, and of the nine files of a class (SPEC WEB99).
CLASSES = [35, 50, 14, 1]
FILES = [3.9, 5.9, 8.8, 17.7, 35.3, 11.8, 7.1, 5.0, 4.4]
# 30 % of the requests have a connection of their own, the others share one with nine more.
ALONE = 0.3 / 0.37

host, port, users, seconds, rate = sys.argv[1], *map(float, sys.argv[2:6])
totals = [0, 0, 0]
lock = threading.Lock()


def request(connection, draws, stays):
    begin = time.time()
    kind = draws.choices(range(4), CLASSES)[0]
    number = draws.choices(range(1, 10), FILES)[0]
    path = f"/file_set/dir{draws.randrange(20):05d}/class{kind}_{number}"
    how = "1.1" if stays else "1.0"
    connection.sendall(f"GET {path} HTTP/{how}\r\nHost: {host}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(1460)
    head, body = answer.split(b"\r\n\r\n", 1)
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    got = len(body)
    while got < length:
        time.sleep(max(0, begin + got / rate - time.time()))
        got += len(connection.recv(1460))
    time.sleep(max(0, begin + got / rate - time.time()))
    with lock:
        totals[0] += 1
        totals[2] += got


def user(index):
    draws = random.Random(index)
    end = time.time() + seconds
    while time.time() < end:
        with socket.create_connection((host, int(port))) as connection:
            requests = 1 if draws.random() < ALONE else 10
            for _ in range(requests):
                request(connection, draws, requests > 1)
        with lock:
            totals[1] += 1


threads = [threading.Thread(target=user, args=(index,)) for index in range(int(users))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(f"{totals[0]} requests, {totals[1]} connections, {totals[2] / totals[0]:.0f} bytes a request")

"""moto on a free port of loopback: prints the port, and ends when its standard input does, hence with its parent."""

import os
import sys

from corrections import correct
from moto.server import ThreadedMotoServer


def main():
    correct()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()

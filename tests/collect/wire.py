"""A wire to PostgreSQL that a test can cut at the worst moment."""

import select
import socket
import threading
from typing import Literal

import psycopg
from psycopg.conninfo import make_conninfo

Moment = Literal["before", "after"]


class Wire:
    """Passes bytes between a client and the server.

    `cut_at_commit("before")` drops the connection instead of passing the next COMMIT on; `"after"`
    passes it on, waits for the server's answer, and drops the connection without telling it.
    """

    def __init__(self, url: str) -> None:
        info = psycopg.conninfo.conninfo_to_dict(url)
        self._host, self._port = str(info.get("host", "")), int(info.get("port", 5432))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = make_conninfo(
            url, host="127.0.0.1", port=self._listener.getsockname()[1], sslmode="disable"
        )
        self.cuts = 0
        self._armed: Moment | None = None
        self._open = True
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut_at_commit(self, moment: Moment) -> None:
        self._armed = moment

    def close(self) -> None:
        self._open = False
        for thread in self._threads:
            thread.join(60)
        self._listener.close()

    def _accept(self) -> None:
        while self._open:
            if select.select([self._listener], [], [], 0.05)[0]:
                client = self._listener.accept()[0]
                thread = threading.Thread(target=self._pass, args=(client, self._dial()))
                self._threads.append(thread)
                thread.start()

    def _dial(self) -> socket.socket:
        if self._host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{self._host}/.s.PGSQL.{self._port}")
            return server
        return socket.create_connection((self._host, self._port))

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            while self._open:
                for source in select.select([client, server], [], [], 0.05)[0]:
                    try:
                        data = source.recv(1 << 16)
                    except ConnectionError:
                        return
                    if not data:
                        return
                    if source is client and self._armed and b"COMMIT" in data:
                        moment, self._armed = self._armed, None
                        self.cuts += 1
                        if moment == "after":
                            server.sendall(data)
                            server.recv(1 << 16)
                        return
                    (server if source is client else client).sendall(data)

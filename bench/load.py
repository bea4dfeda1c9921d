"""The load generator: prepared requests over a few kept-alive connections."""

import asyncio
import time


class Sender:
    """Writes requests over `connections` sockets, at most `per_second` of them if given."""

    def __init__(self, port: int, connections: int = 8) -> None:
        self.port = port
        self.connections = connections
        self.failed = 0

    async def send(self, requests: list[bytes], per_second: float | None = None) -> float:
        """Send all; the seconds it took. A refused request is sent again."""
        queue = iter(requests)
        start = time.perf_counter()
        sent = 0

        async def one() -> None:
            nonlocal sent
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            for request in queue:
                if per_second is not None:
                    ahead = start + sent / per_second - time.perf_counter()
                    if ahead > 0:
                        await asyncio.sleep(ahead)
                sent += 1
                while not await self._exchange(reader, writer, request):
                    self.failed += 1
                    await asyncio.sleep(0.05)
            writer.close()

        await asyncio.gather(*(one() for _ in range(self.connections)))
        return time.perf_counter() - start

    @staticmethod
    async def _exchange(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
    ) -> bool:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        at = lower.index(b"content-length:") + 15
        await reader.readexactly(int(lower[at : lower.index(b"\r\n", at)]))
        return head.startswith(b"HTTP/1.1 200")

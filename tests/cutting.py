"""Databases reached over lines that can be cut: a process of its own, told what to do on its input.

``python cutting.py SOCKET ...`` prints the port that leads to each. Each line of input: which one (0, 1) and for
how many seconds all its connections are dropped and new ones refused.
"""

import asyncio
import sys


class Line:
    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.open: set[asyncio.StreamWriter] = set()
        self.cut_until = 0.0

    async def start(self) -> int:
        server = await asyncio.start_server(self.carry, "127.0.0.1", 0)
        return int(server.sockets[0].getsockname()[1])

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if asyncio.get_running_loop().time() < self.cut_until:
            return writer.transport.abort()
        try:
            there, back = await asyncio.open_unix_connection(self.upstream)
        except OSError:
            return writer.transport.abort()
        self.open |= {writer, back}
        await asyncio.gather(self.pump(reader, back), self.pump(there, writer), return_exceptions=True)
        self.open -= {writer, back}
        return None

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    def cut(self, seconds: float) -> None:
        self.cut_until = asyncio.get_running_loop().time() + seconds
        for writer in self.open:
            writer.transport.abort()


async def main(*upstream: str) -> None:
    lines = [Line(one) for one in upstream]
    print(*[await line.start() for line in lines], flush=True)
    while told := await asyncio.to_thread(sys.stdin.readline):
        which, seconds = told.split()
        lines[int(which)].cut(float(seconds))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""The unit of the comparison: an aiohttp server that reads the body, answers 202, and does nothing else.

`python bare.py PORT`
"""

import asyncio
import sys

import uvloop
from aiohttp import web


async def receive(request: web.Request) -> web.Response:
    """Read the whole body and forget it."""
    await request.read()
    return web.Response(status=202)


async def serve(port: int) -> None:
    """Listen until the process is ended."""
    app = web.Application()
    app.router.add_post("/repo-syncer/repos/{hostname}/{project}/{repo}", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))

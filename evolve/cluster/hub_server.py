"""The hub's HTTP side: who may speak, what is read of a request, and how waiting workers get jobs."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from evolve.cluster.credentials import Token
from evolve.cluster.hub_messages import (
    BASE,
    MAX_SMALL_BYTES,
    Ask,
    Beat,
    Beaten,
    Code,
    Hello,
    Offer,
    Refusal,
    Refused,
    Report,
    Shipping,
    Welcome,
    bar_message,
)
from evolve.cluster.lease_book import Lease, LeaseBook
from evolve.cluster.parcel import Parcel, Shipment
from evolve.errors import ConfigurationError

_BODY_SECONDS: Final = 30.0
_REPORT_SECONDS: Final = 600.0
_CLOSE_SECONDS: Final = 2.0
_BEATS_PER_LEASE: Final = 4
_LONGEST_BEAT_S: Final = 5.0  # they carry interim results
_LOOKS_PER_LEASE: Final = 10
_JSON: Final = "application/json"
_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})

_log = logging.getLogger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Body = TypeVar("_Body", Hello, Ask, Beat)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a hub listens, and what it shows and wants to be shown there. Port 0 is any that is free."""

    host: str
    port: int
    token: Token
    tls: ssl.SSLContext | None


class HubServer:
    """Speaks with workers on behalf of a book.

    Args:
        book: who works on what.
        address: where to listen.
        lease_s: as in the book's terms.
        max_report_bytes: the longest report that is read.
        shipment: returns what a lease's problem is loaded from on the worker.
        parcels: what workers may fetch, by digest.
    """

    def __init__(
        self,
        book: LeaseBook,
        address: Address,
        *,
        lease_s: float,
        max_report_bytes: int,
        shipment: Callable[[Lease], Shipment],
        parcels: Mapping[str, Parcel],
    ) -> None:
        self._book, self._address, self._lease_s = book, address, lease_s
        self._max_report_bytes = max_report_bytes
        self._shipment, self._parcels = shipment, parcels
        self._asking: dict[asyncio.Future[Lease], str] = {}
        self._closing = False
        self._runner: web.AppRunner | None = None
        self._looking: asyncio.Task[None] | None = None
        self.url = ""
        self.port = address.port

    async def start(self) -> None:
        """Listen. Raises ConfigurationError for an address that cannot be had."""
        app = web.Application(middlewares=[self._answer], client_max_size=self._max_report_bytes)
        app.add_routes(
            [
                web.post(f"{BASE}/workers", self._join),
                web.delete(f"{BASE}/workers/{{worker}}", self._leave),
                web.post(f"{BASE}/workers/{{worker}}/ask", self._ask),
                web.post(f"{BASE}/workers/{{worker}}/beat", self._beat),
                web.post(f"{BASE}/workers/{{worker}}/leases/{{lease}}", self._report),
                web.get(f"{BASE}/parcels/{{digest}}", self._parcel),
            ]
        )
        # A worker that hangs up must not be handed a job.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_CLOSE_SECONDS)
        await runner.setup()
        host, port, tls = self._address.host, self._address.port, self._address.tls
        site = web.TCPSite(runner, host, port, ssl_context=tls)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigurationError(
                f"The hub cannot listen at {host}:{port}: {error.strerror}. Choose executor.port=N, or 0 for any."
            ) from error
        self._closing, self._runner = False, runner
        self.port = runner.addresses[0][1]
        shown = socket.gethostname() if host in _EVERYWHERE else f"[{host}]" if ":" in host else host
        self.url = f"{'https' if tls else 'http'}://{shown}:{self.port}"
        self._looking = asyncio.create_task(self._look())

    async def close(self) -> None:
        """Let everyone go who waits, and stop listening."""
        self._closing = True
        for asking in self._asking:
            asking.cancel()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        self._runner = self._looking = None

    def dispatch(self) -> None:
        """Hand waiting jobs to waiting workers. To be called whenever there is a new job."""
        for asking, worker in list(self._asking.items()):
            if not self._book.waiting:
                return
            if asking.done():
                continue
            try:
                lease = self._book.offer(worker)
            except Refused as refused:
                asking.set_exception(refused)
                continue
            if lease is not None:
                asking.set_result(lease)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self._lease_s / _LOOKS_PER_LEASE))
            self._book.look()
            self.dispatch()

    # ── the requests ──────────────────────────────────────────────────────────────────────────
    async def _join(self, request: web.Request) -> web.Response:
        hello = await _read(request, Hello)
        worker = self._book.join(hello)
        _log.info("Worker %s joined: %s slots, %s, sandbox=%s", hello.name, hello.slots, hello.capacity, hello.sandbox)
        self.dispatch()
        every_s = min(_LONGEST_BEAT_S, self._lease_s / _BEATS_PER_LEASE)
        return _reply(Welcome(worker=worker, lease_s=self._lease_s, beat_every_s=every_s))

    async def _leave(self, request: web.Request) -> web.Response:
        self._book.leave(request.match_info["worker"])
        self.dispatch()
        return web.Response(status=204)

    async def _ask(self, request: web.Request) -> web.Response:
        ask = await _read(request, Ask)
        worker = request.match_info["worker"]
        self._book.hear(worker)
        lease = self._book.offer(worker) or await self._wait(worker, ask)
        return web.Response(status=204) if lease is None else _reply(self._offer(lease))

    async def _wait(self, worker: str, ask: Ask) -> Lease | None:
        asking: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()
        self._asking[asking] = worker
        try:
            async with asyncio.timeout(ask.wait_s):
                return await asyncio.shield(asking)
        except TimeoutError:
            return asking.result() if asking.done() and not asking.cancelled() else None
        except asyncio.CancelledError:
            if self._closing:
                raise Refused(Code.CLOSING, _CLOSING) from None
            if asking.done() and not asking.cancelled() and asking.exception() is None:
                self._book.give_back(asking.result())  # the worker hung up
                self.dispatch()
            raise
        finally:
            del self._asking[asking]
            asking.cancel()

    def _offer(self, lease: Lease) -> Offer:
        job, shipment = lease.ticket.job, self._shipment(lease)
        return Offer(
            lease=lease.token,
            shipment=Shipping(
                digest=shipment.digest,
                name=shipment.name,
                params=dict(shipment.params),
                one_block=shipment.one_block,
                judge_hash=shipment.judge_hash,
            ),
            stage=job.stage.name,
            timeout_s=job.stage.timeout_s,
            files=dict(job.files),
            bar=bar_message(job.bar),
            demand=lease.ticket.demand,
        )

    async def _beat(self, request: web.Request) -> web.Response:
        beat = await _read(request, Beat)
        return _reply(Beaten(over=self._book.beat(request.match_info["worker"], beat.held)))

    async def _report(self, request: web.Request) -> web.Response:
        worker, token = request.match_info["worker"], request.match_info["lease"]
        self._book.lease(worker, token)  # nothing is read of a report that will not count
        data = await _bounded(request, self._max_report_bytes, _REPORT_SECONDS)
        self._book.report(worker, token, _decoded(data, _REPORT))
        self.dispatch()
        return web.Response(status=204)

    async def _parcel(self, request: web.Request) -> web.Response:
        parcel = self._parcels.get(request.match_info["digest"])
        if parcel is None:
            raise Refused(Code.NOT_FOUND, "There is no such parcel here.")
        return web.Response(body=parcel.data, content_type="application/octet-stream")

    # ── around every request ──────────────────────────────────────────────────────────────────
    @web.middleware
    async def _answer(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            if not self._address.token.is_shown_by(request.headers.get("Authorization", "")):
                raise Refused(Code.UNAUTHENTICATED, "Wrong token, or none. See --token-file of `evolve worker`.")
            if self._closing:
                raise Refused(Code.CLOSING, _CLOSING)
            return await handler(request)
        except Refused as refused:
            return self._refusal(request, refused)
        except web.HTTPException as error:
            return self._refusal(request, Refused(Code.NOT_FOUND, f"{request.method} {request.path}: {error.reason}."))

    def _refusal(self, request: web.Request, refused: Refused) -> web.Response:
        _log.info("Refused a request of %s: %s", request.remote, refused.code)
        response = _reply(Refusal(code=refused.code, detail=refused.detail), refused.code.status)
        if request.can_read_body and not request.content.at_eof():
            response.force_close()  # of a body that nobody wants, no more is read
        return response


_CLOSING: Final = "This hub is closing."
_REPORT: Final = msgspec.json.Decoder(Report)


async def _read(request: web.Request, kind: type[_Body]) -> _Body:
    data = await _bounded(request, MAX_SMALL_BYTES, _BODY_SECONDS)
    return _decoded(data, msgspec.json.Decoder(kind))


_Decoded = TypeVar("_Decoded")


def _decoded(data: bytes, decoder: msgspec.json.Decoder[_Decoded]) -> _Decoded:
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Refused(Code.MALFORMED, f"The body is not what this address takes: {error}") from error


async def _bounded(request: web.Request, most: int, seconds: float) -> bytes:
    """Return the body of a request. Raises Refused for one that is too long, or too slow."""
    length = request.content_length
    if length is not None and length > most:
        raise Refused(Code.TOO_LARGE, f"A body of {length} bytes: expected at most {most}.")
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > most:
                    raise Refused(Code.TOO_LARGE, f"The body is longer than {most} bytes.")
    except TimeoutError:
        raise Refused(Code.MALFORMED, f"The body did not arrive within {seconds:g} s.") from None
    return bytes(body)


def _reply(message: msgspec.Struct, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(message), status=status, content_type=_JSON)

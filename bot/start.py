"""Put one action server together and start its threads."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from bot.backoffice.sample import FILE, SampleBackOffice
from bot.backoffice.terms import Terms, load_terms
from bot.bundle_knowledge import Watch
from bot.engines.weights import adapter_in
from bot.errors import ModelError, NotReady
from bot.language import warm_up
from bot.points import points_in
from bot.reader import Reader
from bot.recommend.shelf import Shelf
from bot.response_model import AUTO, ResponseModel
from bot.response_weights import folder_of, is_there
from bot.services import Services
from bot.settings import Secrets, Settings
from bot.writer import NoWriter, Writer
from retrieval import words
from retrieval.masking import Masker
from retrieval.settings import Settings as RetrievalSettings

if TYPE_CHECKING:
    from bot.backoffice.http.office import HttpBackOffice

log = logging.getLogger(__name__)
READY_POLL_S = 0.05
MEASURE_AFTER_S = 120.0
"""A start takes the whole machine as it is; measuring then would find it slow."""


class Start:
    """The parts of a server: `services` for its actions, `health` for its callers."""

    def __init__(self, settings: Settings, home: Path, secrets: Secrets, retrieval_settings: RetrievalSettings) -> None:
        self._settings = settings
        self._home = home
        self._ending = threading.Event()
        masker = Masker.from_settings(retrieval_settings)
        self._watch = Watch(home, retrieval_settings, settings.torch_threads)
        terms = load_terms(settings.terms)
        self._office = open_back_office(settings, home, secrets, terms)
        self.services = Services(
            settings=settings,
            secrets=secrets,
            reader=Reader(self._watch.current, settings.top_k, settings.max_batch, masker.mask_identifiers),
            back_office=self._office,
            writer=_writer(settings, home, self._adapter),
            point=points_in(settings.points_dir),
            least_customers=retrieval_settings.min_customers,
            terms=terms,
            shelf=Shelf(settings.recommend_refresh_s),
        )

    def begin(self) -> None:
        """Load the models in the background."""
        self._watch.start()
        self.services.reader.start()
        threading.Thread(target=_warm_up, name="language", daemon=True).start()

        if isinstance(self.services.writer, ResponseModel) and self._settings.model_engine == AUTO:
            threading.Thread(target=self._measure, args=[self.services.writer], name="engines", daemon=True).start()

    def end(self) -> None:
        """Let go of everything."""
        self._ending.set()
        self._watch.stop()
        self.services.reader.stop()
        self.services.writer.close()
        self._office.close()

    def health(self) -> Mapping[str, Any]:
        """Return `{status, bundle}`; ok once there is a bundle that serves."""
        bundle = self.services.reader.bundle
        return {"status": "ok" if bundle else "starting", "bundle": bundle}

    async def ready(self) -> None:
        """Wait for the models; raise NotReady if they take longer than settings.ready_timeout_s."""
        deadline = asyncio.get_running_loop().time() + self._settings.ready_timeout_s
        while not self._watch.ready.is_set():
            if asyncio.get_running_loop().time() >= deadline:
                raise NotReady(self._watch.problem or "the models are being loaded")
            await asyncio.sleep(READY_POLL_S)

    def _adapter(self) -> Path | None:
        """The folder of the response adapter that the bundle in service brings along."""
        try:
            return adapter_in(self._home / "models" / self._watch.current().bundle)
        except NotReady:
            return None

    def _measure(self, writer: ResponseModel) -> None:
        """Once the start is over, see which engine is the fastest with the weights that serve, if nobody has."""
        from bot.engines.router import kept, measure_all

        seen = None
        while not self._ending.wait(MEASURE_AFTER_S):
            weights = writer.weights()
            if weights is seen:
                continue
            seen = weights
            try:
                if kept(weights, writer.threads) is None:
                    measure_all(weights, writer.threads, patient=True, ended=self._ending)
            except (ModelError, OSError) as error:
                log.warning("which engine is the fastest here could not be measured: %s", error)


def open_back_office(
    settings: Settings, home: Path, secrets: Secrets, terms: Terms
) -> SampleBackOffice | HttpBackOffice:
    """The shop's own API where it is described, else the sample."""
    if settings.backoffice_http is None:
        return SampleBackOffice(home / FILE, settings.backoffice_seed, terms)
    from bot.backoffice.http.office import open_http_back_office
    from bot.backoffice.http.settings import SECRET_VARIABLE

    known = {SECRET_VARIABLE: secrets.back_office}
    zone = ZoneInfo(settings.timezone)
    return open_http_back_office(settings.backoffice_http, known, terms, home, lambda: datetime.now(zone).date())


def _warm_up() -> None:
    """Load what the first utterance of a language would wait for."""
    warm_up()
    words.warm_up()


def _writer(settings: Settings, home: Path, adapter: Callable[[], Path | None]) -> Writer:
    if settings.model == "off" or not is_there(home):
        return NoWriter()
    return ResponseModel(
        folder_of(home),
        settings.model_engine,
        settings.model_threads,
        adapter=adapter,
        least_agreement=settings.model_agreement,
    )

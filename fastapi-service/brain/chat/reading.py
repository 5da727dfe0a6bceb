"""
What came with a question, read within its turn.

    files ─▶ read_safely ─▶ text ──────────────────────────▶ quoted in the prompt
                        └─▶ pictures ─┬ OCR ─▶ text          when their words are wanted
                                      └ a model that sees
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import structlog
from anyio.to_thread import run_sync

from brain.artifacts.errors import FileUnsupported
from brain.artifacts.keeping import FileStore
from brain.artifacts.limits import Limits
from brain.artifacts.readers.document import Document
from brain.artifacts.reading import read_safely
from brain.chat.draft import Draft, Tell, tell_progress, tell_status, your_turn
from brain.context.enclosed import Enclosed
from brain.context.window import room_for_prompt
from brain.llm.messages import Heard, Image, Leased, Message, Prompt, Text, Thinking
from brain.llm.speaker import Speaker
from brain.llm.tokens import estimate
from brain.routing.router import Router
from brain.vram.errors import ModelUnavailable
from brain.vram.orchestrator import Orchestrator
from shared.errors import BoundaryError

log = structlog.get_logger(__name__)
OCR_MODEL = "deepseek-ocr:3b"
OCR_PROMPT = "Free OCR."
"""What this model was trained to transcribe with (its model card at Hugging Face)."""

PICTURE_TOKENS = 1_500
"""About what a picture of the largest size takes (1568 px; 28 px patches, merged by two: 784; some
models cut it into tiles and take twice that)."""

MAX_PICTURES = 20
"""Of one question, as many as of one file: what is beyond is neither held nor transcribed."""

WANTS_WORDS = re.compile(
    r"\b(?:ocr|text|texts|read|transcri\w+|written|says?|lies|lesen|liest|steht|abschreib\w*"
    r"|abtipp\w*|texte|lis|lire|écrit|texto|lee|leer|escrito|testo|leggi|leggere|scritto|leia|ler"
    r"|tekst|lees|lezen|przeczytaj|napisan\w*|metni?|oku|yazı\w*|текст\w*|прочита\w*|написан\w*"
    r"|نص|اقرأ)\b|文字|文本|读|読|テキスト|읽|텍스트|글자",
    re.I,
)
"""Somebody who says one of these about a picture wants the words in it."""


class Reading:
    """Fills drafts with what came along; holds no state between turns."""

    def __init__(
        self,
        files: FileStore,
        *,
        limits: Limits,
        router: Router,
        speaker: Speaker,
        vram: Orchestrator,
    ) -> None:
        self._files = files
        self._limits = limits
        self._router = router
        self._speaker = speaker
        self._vram = vram

    async def read(self, draft: Draft, tell: Tell) -> None:
        """
        Everything that came with the question, before its route is chosen.

        Raises `FileRefused`, `NoSuchFile`, and `FileUnsupported` for a picture where no model sees;
        `ModelUnavailable` before anything is read for a model that is not there.
        """
        named = draft.job.options.model
        if draft.job.files and named and all(map(self._vram.lacks, (named, f"{named}:latest"))):
            raise ModelUnavailable(named)
        documents: list[Document] = []
        left = MAX_PICTURES
        for file_id in draft.job.files:
            documents.append(_with_pictures(await self._document(file_id, draft, tell), left))
            left -= len(documents[-1].images)
        ocr = self._router.present(OCR_MODEL)
        sees = self._router.sees()
        for index, document in enumerate(documents):
            if not document.images:
                continue
            scanned = document.kind == "pdf"
            if ocr and (scanned or not sees or WANTS_WORDS.search(draft.job.text)):
                documents[index] = await self._transcribed(document, ocr, draft, tell)
            if documents[index].images and not sees:
                raise FileUnsupported(
                    document.filename, f"is a picture, and {self._router.why_blind()}"
                )
        draft.enclosed = [await run_sync(_enclosed, one) for one in documents]
        draft.pictures = [
            (image.media_type, image.data) for one in documents for image in one.images
        ]
        draft.note(f"{one.filename}: {note}" for one in documents for note in one.notes)

    def pictures_for(self, draft: Draft, tell: Tell) -> Sequence[Image]:
        """As many of the pictures as the chosen model has room for; the person is told of them."""
        if not draft.pictures:
            return ()
        assert draft.choice is not None
        room = room_for_prompt(self._vram.spec(draft.choice.model).context_tokens)
        shown = draft.pictures[: max(room // 2 // PICTURE_TOKENS, 1)]
        if len(shown) < len(draft.pictures):
            draft.note([f"Only the first {len(shown)} of {len(draft.pictures)} pictures were seen"])
        many = f"{len(shown)} images" if len(shown) > 1 else "image"
        tell_status(tell, draft, "reading_files", detail=f"Analyzing {many}…")
        return shown

    async def _document(self, file_id: str, draft: Draft, tell: Tell) -> Document:
        kept = await self._files.find(file_id, owner=None)
        tell_status(tell, draft, "reading_files", detail=kept.filename)
        return await read_safely(kept.filename, await self._files.read(kept), self._limits)

    async def _transcribed(
        self, document: Document, model: str, draft: Draft, tell: Tell
    ) -> Document:
        """With the words of its pictures in place of them; as it was where there are none."""
        pages = []
        try:
            for image in document.images:
                tell_status(
                    tell, draft, "reading_files", model=model, detail="Analyzing image with OCR…"
                )
                pages.append(
                    await self._words_in((image.media_type, image.data), model, draft, tell)
                )
        except BoundaryError as failure:
            log.info("file.not_transcribed", code=failure.code)
            return document
        words = "\n\n".join(page for page in pages if page)
        if not words:
            return document
        return replace(document, text=f"{document.text}\n\n{words}".strip(), images=())

    async def _words_in(self, image: Image, model: str, draft: Draft, tell: Tell) -> str:
        pieces: list[str] = []
        expected = PICTURE_TOKENS

        def hear(piece: Heard) -> None:
            match piece:
                case Leased():
                    draft.begins(expected)
                case Text(text=text):
                    draft.heard += piece.pieces
                    pieces.append(text)
                case Thinking():
                    draft.heard += piece.pieces

        context = self._vram.spec(model).context_tokens
        finished = await self._speaker.speak(
            Prompt(
                model=model,
                system="",
                messages=[Message("user", OCR_PROMPT, [image])],
                max_tokens=context // 2,
                temperature=0.0,
            ),
            hear=hear,
            tell=lambda progress: tell_progress(tell, draft, progress),
            begin=lambda: your_turn(draft, tell),
            arrived=draft.job.asked_at,
        )
        draft.ends(finished)
        return "".join(pieces).strip()


def _with_pictures(document: Document, most: int) -> Document:
    """With the first `most` of its pictures, and a note of the others."""
    beyond = len(document.images) - most
    if beyond <= 0:
        return document
    note = f"Pictures left out, as {MAX_PICTURES} can be seen at a time: {beyond}."
    return replace(document, images=document.images[:most], notes=(*document.notes, note))


def _enclosed(document: Document) -> Enclosed:
    text = document.text
    return Enclosed(document.filename, text, len(text), estimate(text), document.notes)

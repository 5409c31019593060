"""A slot is written page by page, so that a push that was cut short goes on where it stopped.

Each page is erased before the one in front of it is written. So where a page reads as it should,
all before it were done when power failed or the link was lost; the last of them may be the very
page that was being written, whose cells may not last: it is written again. Where the header is
another model's or none, or nothing after it is right, all is written from the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tinydeploy.abi.slot_protocol import SlotState
from tinydeploy.link import slots as requests
from tinydeploy.link.client import Device
from tinydeploy.link.slots import SlotInfo, Slots
from tinydeploy.stages.slot_image import SlotImage

Progress = Callable[[int, int], None]
RESUMABLE = (SlotState.PARTIAL, SlotState.WHOLE)  # a model that never ran: there are no marks


def choose_slot(slots: Slots, image: SlotImage) -> SlotInfo:
    """The slot to write: one that a push of this image has begun, else whichever may be."""
    begun = (slot for slot in slots.slots if slot.index != slots.locked and _is_begun(slot, image))
    return next(begun, slots.writable())


def first_page(device: Device, image: SlotImage, slot: SlotInfo, page_bytes: int) -> int:
    """The page to go on from; 0 if nothing in the slot is of use. Reads the flash itself."""
    if not _is_begun(slot, image):
        return 0
    last_right = 0
    for page, crc in enumerate(_page_crcs(device, slot.index, image.pages(page_bytes)), 1):
        if crc != image.page_crc(page, page_bytes):
            break
        last_right = page
    return last_right if last_right > 1 else 0


def write(
    device: Device,
    image: SlotImage,
    slot: int,
    page_bytes: int,
    *,
    first: int = 0,
    progress: Progress | None = None,
) -> None:
    """Erase and write the pages of a slot from `first` on.

    Args:
        progress: is told how many pages are right, and of how many.
    """
    count = image.pages(page_bytes)
    requests.erase(device, slot, first)  # the header's: what the slot held before is gone at once
    for page in range(first, count):
        if page + 1 < count:
            requests.erase(device, slot, page + 1)
        for offset, data in _parts(image.page(page, page_bytes)):
            requests.write(device, slot, page * page_bytes + offset, data)
        if progress is not None:
            progress(page + 1, count)


def _is_begun(slot: SlotInfo, image: SlotImage) -> bool:
    return slot.state in RESUMABLE and image.is_stated_by(slot)


def _page_crcs(device: Device, slot: int, pages: int) -> Iterator[int]:
    """Of all pages but the header's, as many as fit at a time."""
    step = requests.most_pages()
    for start in range(1, pages, step):
        yield from requests.page_crcs(device, slot, start, min(step, pages - start))


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    size = requests.part_bytes()
    for start in range(0, len(data), size):
        yield start, data[start : start + size]

"""What travels between this computer and one of the cluster: pickled, each thing once.

Both ends of an exchange remember what was in the message before, and everything that was in the
first one. Such things are sent as a number instead: a photo that a training learns from, a
network, a frame of a time-lapse. Tensors travel as arrays, so that it does not matter on which
device they lie. Networks of the catalogue travel by their names; see `loading.portable`.

Only messages between processes of our own are unpickled.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import torch

from core.steps import LiveSetting
from core.zoo import loading
from core.zoo.classifier import Classifier

_LEAST_BYTES = 256
_LEAST_ITEMS = 16
_NEW, _KNOWN, _LIVE = "new", "known", "live"


class Exchange:
    """One end of an exchange of messages.

    Attributes:
        settings: the live ones that were in any message, in the order in which both ends met them.
    """

    def __init__(self) -> None:
        """Begin without a common past."""
        self.settings: list[LiveSetting[Any]] = []
        self._objects: dict[int, Any] = {}  # by number; holding them keeps their ids from others
        self._numbers: dict[int, int] = {}  # by id
        self._first: set[int] = set()
        self._next = 0

    def pack(self, value: Any, *, is_first: bool = False) -> bytes:
        """Return a message that holds a value, to be unpacked at the other end.

        Args:
            value: what is sent; it must not be changed afterwards.
            is_first: whether the other end will know what is in it for good.
        """
        used: set[int] = set()
        message = _pickled(value, _Packer, self, used)
        self._forget_all_but(used, is_first)
        return message

    def pack_state(self, value: Any) -> bytes:
        """Return a message that holds something that goes on changing afterwards."""
        return _pickled(value, _StatePacker, self, set())

    def unpack(self, message: bytes, *, is_first: bool = False) -> Any:
        """Return what the other end has packed."""
        used: set[int] = set()
        value = _Unpacker(message, self, used).load()
        self._forget_all_but(used, is_first)
        return value

    def unpack_state(self, message: bytes) -> Any:
        """Return what the other end has packed with `pack_state`."""
        return _Unpacker(message, self, set()).load()

    def _number(self, setting: LiveSetting[Any]) -> int:
        for number, known in enumerate(self.settings):
            if known is setting:
                return number
        self.settings.append(setting)
        return len(self.settings) - 1

    def _setting(self, number: int) -> LiveSetting[Any]:
        while len(self.settings) <= number:
            self.settings.append(LiveSetting(None))
        return self.settings[number]

    def _remember(self, number: int, value: Any) -> None:
        self._objects[number] = value
        self._numbers[id(value)] = number
        self._next = max(self._next, number + 1)

    def _forget_all_but(self, used: set[int], is_first: bool) -> None:
        """Both ends do so after the same message, so they agree on what is known."""
        if is_first:
            self._first |= used
        for number in self._objects.keys() - used - self._first:
            del self._numbers[id(self._objects.pop(number))]


class _Packer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, exchange: Exchange, used: set[int], top: Any) -> None:
        super().__init__(file, protocol=5)
        self._exchange = exchange
        self._used = used
        self._top = top  # what is being written itself, and not as a reference to it

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, LiveSetting):
            return _LIVE, self._exchange._number(value)
        if value is self._top or not _is_worth_remembering(value):
            return None
        exchange = self._exchange
        number = exchange._numbers.get(id(value))
        if number is None:
            content = _pickled(value, _Packer, exchange, self._used, top=value)
            number = exchange._next
            exchange._remember(number, value)
            self._used.add(number)
            return _NEW, number, pickle.PickleBuffer(content)
        self._used.add(number)
        return _KNOWN, number

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Classifier):
            return loading.portable(value) or NotImplemented
        if type(value) is torch.Tensor and value.is_leaf and value.dtype is not torch.bfloat16:
            array = value.detach().cpu().numpy()
            content = pickle.PickleBuffer(np.ascontiguousarray(array).data)
            return _tensor, (content, array.dtype.str, array.shape, value.requires_grad)
        return NotImplemented


class _StatePacker(_Packer):
    """Refers to what the first message has brought and cannot have changed since."""

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, LiveSetting):
            return _LIVE, self._exchange._number(value)
        number = self._exchange._numbers.get(id(value))
        if number in self._exchange._first and isinstance(value, bytes | Classifier):
            return _KNOWN, number
        return None


class _Unpacker(pickle.Unpickler):
    def __init__(self, message: bytes, exchange: Exchange, used: set[int]) -> None:
        super().__init__(io.BytesIO(message))
        self._exchange = exchange
        self._used = used

    def persistent_load(self, reference: Any) -> Any:
        kind, number, *content = reference
        if kind == _LIVE:
            return self._exchange._setting(number)
        if kind == _NEW:
            value = _Unpacker(content[0], self._exchange, self._used).load()
            self._exchange._remember(number, value)
        self._used.add(number)
        return self._exchange._objects[number]


def _is_worth_remembering(value: Any) -> bool:
    if type(value) is bytes:
        return len(value) >= _LEAST_BYTES
    if type(value) is tuple:
        return len(value) >= _LEAST_ITEMS
    return type(value) in (np.ndarray, torch.Tensor) or isinstance(value, Classifier)


def _pickled(
    value: Any, packer: type[_Packer], exchange: Exchange, used: set[int], top: Any = None
) -> bytes:
    file = io.BytesIO()
    packer(file, exchange, used, top).dump(value)
    return file.getvalue()


def _tensor(
    content: bytearray, dtype: str, shape: tuple[int, ...], requires_grad: bool
) -> torch.Tensor:
    array: np.ndarray[Any, Any] = np.ndarray(shape, dtype, bytearray(content))
    return torch.from_numpy(array).requires_grad_(requires_grad)

"""The settings that scripts read and change on the service."""

from __future__ import annotations

from pypet.storage_backends.hdf5.settings.compressors import split_name
from pypet.storage_backends.hdf5.settings.settings import PANDAS_FORMATS, Settings


class SettingsProperties:
    """Properties of a service that has its settings in ``_settings``."""

    _settings: Settings

    @property
    def encoding(self) -> str:
        """How text is encoded."""
        return self._settings.encoding

    @encoding.setter
    def encoding(self, encoding: str) -> None:
        self._settings.encoding = encoding

    @property
    def complevel(self) -> int:
        """Compression level, 0 to 9."""
        return self._settings.complevel

    @complevel.setter
    def complevel(self, level: int) -> None:
        self._settings.complevel = level

    @property
    def complib(self) -> str:
        """Compression library, perhaps with the compressor inside, as in ``'blosc:zstd'``."""
        return self._settings.complib

    @complib.setter
    def complib(self, library: str) -> None:
        split_name(library)
        self._settings.complib = library

    @property
    def shuffle(self) -> bool:
        """Whether bytes are reordered before they are compressed."""
        return self._settings.shuffle

    @shuffle.setter
    def shuffle(self, shuffle: bool) -> None:
        self._settings.shuffle = bool(shuffle)

    @property
    def fletcher32(self) -> bool:
        """Whether checksums are kept."""
        return self._settings.fletcher32

    @fletcher32.setter
    def fletcher32(self, fletcher32: bool) -> None:
        self._settings.fletcher32 = bool(fletcher32)

    @property
    def checksums(self) -> bool:
        """Whether values get checksums of ours and are compared with them, see the constructor."""
        return self._settings.checksums

    @checksums.setter
    def checksums(self, checksums: bool) -> None:
        self._settings.checksums = bool(checksums)

    @property
    def pandas_format(self) -> str:
        """How pandas frames are kept."""
        return self._settings.pandas_format

    @pandas_format.setter
    def pandas_format(self, pandas_format: str) -> None:
        if pandas_format not in PANDAS_FORMATS:
            raise ValueError(
                f"`pandas_format` is one of {', '.join(PANDAS_FORMATS)}, not {pandas_format!r}."
            )
        self._settings.pandas_format = pandas_format

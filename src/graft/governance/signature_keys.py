"""What can be wrong with a key, in words that repeat nothing of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graft.core.errors import InputError


@contextmanager
def key_errors(path: Path, password: str) -> Iterator[None]:
    """Turn what goes wrong while a key is read into an InputError.

    path: the file of the key. password: that was given for it; empty for none.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"the key {path} cannot be read: {error.strerror}", needed="a PEM file", fix="check the path"
        ) from error
    except TypeError as error:
        raise InputError(
            f"the key {path} is {'not encrypted' if password else 'encrypted'}",
            needed="no password" if password else "its password",
            fix="leave the password out" if password else "give the password",
        ) from error
    except Exception as error:  # cryptography has a dozen ways to say that this is no such key
        if "password" in str(error).lower():
            raise InputError(
                f"the password of the key {path} is wrong", needed="its password", fix="try again"
            ) from error
        raise InputError(
            f"{path} is no key that can be used here",
            needed="a PEM file of the curve P-256, P-384 or P-521: the private key to sign, the public one to verify",
            fix="make one: openssl ecparam -name prime256v1 -genkey -noout -out key.pem; "
            "openssl ec -in key.pem -pubout -out key.pub",
        ) from error

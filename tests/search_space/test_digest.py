"""A digest is the beginning of the SHA-256, whose values the standard gives."""

from search_space.digest import short_sha256


def test_the_digits_are_the_first_of_the_standard_s_example() -> None:
    # FIPS 180-4, the message "abc"
    assert short_sha256("abc", 8) == "ba7816bf"
    assert short_sha256(b"abc", 12) == "ba7816bf8f01"
    assert short_sha256("ü", 64) == short_sha256("ü".encode(), 64)

from io import StringIO

from finetune.progress import line_on


def test_one_line_is_rewritten_twice_a_second_at_most_and_ended_by_the_last_step() -> None:
    stream, now = StringIO(), [0.0]
    tell = line_on(stream, clock=lambda: now[0])
    for step in range(1, 101):
        now[0] += 0.1
        tell(step, 100, (100 - step) * 3.0)
    text = stream.getvalue()
    assert 18 <= text.count("\r") <= 22
    assert "  tuning    1%  5 min left" in text
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert "100%  0 s left" in text

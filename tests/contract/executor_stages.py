"""Stages that do what the executor contract is about; a query's photo key says what."""

import os
import time

from buybuddy.errors import UnreadableMedia
from buybuddy.stages.context import StageContext
from buybuddy.stages.specs import EmbedQueryResult, EmbedQuerySpec, EncoderIdentity

IDENTITY = EncoderIdentity(name="test", weights_sha256="0" * 64, preprocessing="none/1", dim=1)


def behave(spec: EmbedQuerySpec, context: StageContext) -> EmbedQueryResult:
    """Answer, fail, die, hang or talk, as the key asks."""
    wish = spec.photo_key
    if wish == "unreadable":
        raise UnreadableMedia("The photo cannot be read.")
    if wish == "bug":
        raise ZeroDivisionError("a bug")
    if wish == "die":
        os.abort()
    if wish == "print":
        print("this must not break the protocol")  # noqa: T201 - that is what is tested
    if wish == "outside":
        context.write_output("frames/somebody-else/x.png", b"x")
    if wish == "work":
        for step in range(200):
            context.raise_if_cancelled()
            context.report(step / 200, f"step {step}")
            time.sleep(0.01)
        context.log("work.done", steps=200)
    if wish == "deaf":
        time.sleep(60)
    if wish == "environment":
        leaked = [name for name in os.environ if "SECRET" in name or "DATABASE" in name or "KEY" in name]
        context.log("environment", leaked=leaked)
    if wish == "write":
        context.write_output(f"{spec.output_prefix}x.png", b"x")
    return EmbedQueryResult(encoder=IDENTITY, vectors=((float(os.getpid()),),))

"""What samplers and executors promise.

Axes: B tuples, T roles.
"""

from __future__ import annotations

import numpy as np

from ...core.errors import DataError
from ...core.interfaces import Array, Clip, Draw, Kind, Roles
from ..claims import Check, SkippedError, demand
from ..fixtures import takes
from ..jobs import double, fail, wait
from ..subject import Subject

COUNT = 200
ALLOWED = np.array([0, 1, 2, 4])
ROUNDING_S = 1e-6
BOUNDS = ("_max_s", "_min_s")


def footage() -> list[Clip]:
    """Two takes by two cameras, and a clip of one frame, which a sampler may be given but cannot use."""
    return [*takes(), Clip("glimpse", "who walks", "glimpse", "left", "train", np.zeros(1))]


def draw(subject: Subject, seed: int = 3) -> Draw:
    """Tuples of a new sampler."""
    sampler = subject.build()
    sampler.prepare(footage(), ALLOWED)
    drawn: Draw = sampler.draw(np.random.default_rng(seed), COUNT)
    return drawn


# ---------------------------------------------------------------- sampler


def draws_roles(subject: Subject) -> None:
    """It draws the roles that it declares."""
    declared, drawn = subject.names(subject.component.roles), tuple(subject.build().roles)
    demand(drawn == declared, f"it declares {', '.join(declared)}, but draws {', '.join(drawn)}")


def inside(subject: Subject) -> None:
    """Every frame lies inside an allowed clip."""
    clips, drawn = footage(), draw(subject)
    shape = (COUNT, len(subject.names(subject.component.roles)))
    demand(drawn.clip.shape == drawn.frame.shape == shape, f"it draws {drawn.clip.shape}, not {shape}")
    demand(bool(np.isin(drawn.clip, ALLOWED).all()), "it draws from a clip that is not allowed")
    lengths = np.array([len(clip) for clip in clips])[drawn.clip]
    demand(bool(((drawn.frame >= 0) & (drawn.frame < lengths)).all()), "it draws a frame outside of its clip")


def follows_generator(subject: Subject) -> None:
    """The draw follows from the generator."""
    first, again, other = draw(subject), draw(subject), draw(subject, seed=4)
    equal = np.array_equal(first.clip, again.clip) and np.array_equal(first.frame, again.frame)
    demand(equal, "equal generators give different draws")
    demand(not np.array_equal(first.frame, other.frame), "different generators give one draw")


def one_take(subject: Subject) -> None:
    """All frames of a tuple are of one take, so that distances in time mean something."""
    clips = footage()
    take_BT = np.array([clip.take for clip in clips])[draw(subject).clip]
    demand(bool((take_BT == take_BT[:, :1]).all()), "a tuple has frames of several takes")


def bounds(subject: Subject) -> None:
    """Roles keep the bounds that its options state, as positive_max_s and negative_min_s."""
    roles, drawn = Roles(subject.names(subject.component.roles)), draw(subject)
    stated = stated_bounds(subject, roles)
    if not stated:
        raise SkippedError("no option states a bound of a role in seconds, as positive_max_s does")
    time_BT = times(footage(), drawn)
    if "reference" not in roles.names:
        raise SkippedError("it draws no reference that bounds could be from")
    away_BT = np.abs(time_BT - time_BT[:, [roles.index("reference")]])
    for option, bound in stated.items():
        away = away_BT[:, roles.family(option[: -len(BOUNDS[0])])]
        if option.endswith("_max_s"):
            demand(bool((away <= bound + ROUNDING_S).all()), f"{option} is {bound:g}, a frame is {away.max():g} s away")
        else:
            demand(bool((away >= bound - ROUNDING_S).all()), f"{option} is {bound:g}, a frame is {away.min():g} s away")


def stated_bounds(subject: Subject, roles: Roles) -> dict[str, float]:
    """Options that bound a role's distance from the reference."""
    return {
        name: float(value)
        for name, value in subject.options
        if name.endswith(BOUNDS) and roles.family(name[: -len(BOUNDS[0])])
    }


def times(clips: list[Clip], drawn: Draw) -> Array:
    """Timestamps of drawn frames, (B, T)."""
    pairs = zip(drawn.clip.ravel(), drawn.frame.ravel(), strict=True)
    return np.array([clips[clip].times_s[frame] for clip, frame in pairs]).reshape(drawn.clip.shape)


def refuses_short(subject: Subject) -> None:
    """Clips that cannot hold a tuple, and none at all, are refused."""
    if len(subject.names(subject.component.roles)) == 1:
        raise SkippedError("one frame suffices for its one role")
    alone = ALLOWED[::2]  # one camera of each take: two could have a frame of one moment each
    for clips, allowed, what in ((takes(1), alone[:2], "clips of one frame"), (takes(), ALLOWED[:0], "no clips")):
        try:
            subject.build().prepare(clips, allowed)
        except DataError:
            continue
        demand(False, f"it does not refuse {what} with a DataError")


# ---------------------------------------------------------------- executor


def runs_jobs(subject: Subject) -> None:
    """Jobs run, as many as it has slots and more, and their results come back."""
    executor = subject.shared
    demand(type(executor.slots) is int and executor.slots >= 1, f"it has {executor.slots!r} slots")
    count = executor.slots + 1
    tasks = [executor.submit(double, number) for number in range(count)]
    results = [task.result() for task in tasks]
    demand(results == [2 * number for number in range(count)], f"jobs that double give {results}")
    demand(all(task.done() for task in tasks), "a job whose result is there is not done")


def passes_errors(subject: Subject) -> None:
    """What a job raises is raised where its result is asked for, and harms no other job."""
    executor = subject.shared
    task = executor.submit(fail, "meant")
    try:
        task.result()
    except Exception as error:
        demand("meant" in str(error), f"the job's error comes back as {type(error).__name__}: {error}")
    else:
        demand(False, "the error of a job is lost")
    demand(executor.submit(double, 2).result() == 4, "after a job that failed others do not run")


def cancels(subject: Subject) -> None:
    """Cancelling a job that waits, runs or is over does no harm."""
    executor = subject.shared
    tasks = [executor.submit(wait, 0.2) for _ in range(executor.slots + 1)]
    for task in reversed(tasks):
        task.cancel()
    demand(executor.submit(double, 3).result() == 6, "after cancelling, jobs do not run")


def closes(subject: Subject) -> None:
    """It can be closed, twice as well."""
    subject.shared.close()
    subject.shared.close()
    del subject.shared


SAMPLER: tuple[Kind, ...] = ("sampler",)
EXECUTOR: tuple[Kind, ...] = ("executor",)
CHECKS = (
    Check("draws_roles", "it draws the roles that it declares", SAMPLER, draws_roles, "builds"),
    Check("inside", "every frame lies inside an allowed clip", SAMPLER, inside, "builds"),
    Check("follows_generator", "the draw follows from the generator", SAMPLER, follows_generator, "builds"),
    Check("one_take", "the frames of a tuple are of one take", SAMPLER, one_take, "builds"),
    Check("bounds", "roles keep the bounds in seconds that its options state", SAMPLER, bounds, "builds"),
    Check("refuses_short", "clips that are too short are refused", SAMPLER, refuses_short, "builds"),
    Check("runs_jobs", "it runs jobs and passes on their results", EXECUTOR, runs_jobs, "builds"),
    Check("passes_errors", "it passes on what a job raises", EXECUTOR, passes_errors, "builds"),
    Check("cancels", "cancelling does no harm", EXECUTOR, cancels, "builds"),
    Check("closes", "it can be closed", EXECUTOR, closes, "builds"),
)

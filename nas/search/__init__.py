"""The search loop: proposals, the states of trials, rungs, and repeats of the front.

May import only :mod:`nas.latency` and the layers below it. :class:`nas.search.loop.Search` hands
out jobs; an executor (:mod:`nas.ray`, or :mod:`nas.benchmark` on a simulated clock) runs them and
reports their results.
"""

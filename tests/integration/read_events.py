# SPDX-License-Identifier: Apache-2.0
"""Reads TensorBoard event files as TensorBoard does: FOLDER, output JSON {tag: [[step, value], ...]}; the value of a
histogram is {"count", "minimum", "maximum", "sum", "in_buckets"}."""
import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

accumulator = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "histograms": 0})
accumulator.Reload()
curves = {tag: [[event.step, event.value] for event in accumulator.Scalars(tag)]
          for tag in accumulator.Tags()["scalars"]}
for tag in accumulator.Tags()["histograms"]:
    curves[tag] = [[event.step, {"count": value.num, "minimum": value.min, "maximum": value.max, "sum": value.sum,
                                 "in_buckets": sum(value.bucket)}]
                   for event in accumulator.Histograms(tag) for value in [event.histogram_value]]
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump(curves, file)

# SPDX-License-Identifier: Apache-2.0
"""Reads TensorBoard event files as TensorBoard does: FOLDER, output JSON {tag: [[step, value], ...]}."""
import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

accumulator = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
accumulator.Reload()
curves = {tag: [[event.step, event.value] for event in accumulator.Scalars(tag)]
          for tag in accumulator.Tags()["scalars"]}
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump(curves, file)

"""What every config of strokes has: all fields, with the values that most runs share. Not a run of its own."""

import ml_collections

from configs.common import optimizer

ConfigDict = ml_collections.ConfigDict


def get_common() -> ConfigDict:
    """The fields of a config of strokes."""
    config = ConfigDict()
    config.task = "strokes"  # a config without this field trains word images
    config.seed = 0

    config.data = ConfigDict(
        dict(
            dataset="",  # "name/config" of strokes, as hwgan.prepare wrote it
            data_dir="data",
            alphabet="",  # empty: all characters of the dataset; else examples with others are dropped
            cache_dir="",  # folder for cleaned strokes; empty: inside the prepared dataset
            max_points=600,  # points of an example after cleaning; examples with more are dropped
            min_length=1,  # characters; shorter and longer texts are dropped
            max_length=40,
            num_buckets=4,  # maximum number of lengths, up to 8, that batches are padded to; each is compiled once
        )
    )

    # What is done to each example, in this order; see hwgan/data/ink_cleaning.py. Defaults change nothing.
    config.preprocessing = ConfigDict(
        dict(
            outliers=0.0,  # points farther from their neighbours than so many median distances are removed
            slope=False,  # make the line level
            size="",  # what is 1 afterwards: "x_height", or "deviation" (of y) / 0.6
            slant=False,  # make the letters upright
            late_strokes="",  # dots and bars that were added later: "between" strokes, or "within" one
            step=0.0,  # x-heights between points; corners are kept
            max_jump=0.0,  # examples whose pen jumps farther, in x-heights, are dropped
        )
    )

    # See hwgan/models/stroke_writer.py.
    config.model = ConfigDict(
        dict(
            dtype="float32",
            features=400,
            num_layers=3,
            window_components=10,
            mixture_components=20,
            height_input=False,  # the pen's height over the baseline, which penman, iam_ondb/words and `size` give
            embed_writers=False,  # embed the training writers; else style comes only from the strokes so far
            writer_features=32,
        )
    )

    config.train = ConfigDict(
        dict(
            # Begin with the network of an earlier run or file of weights, or "pretrained": the weights `strokes` of the
            # package. Alphabet and layer sizes must be equal.
            init_from="",
            batch_size=32,  # over all devices
            num_steps=10_000,
            weight_noise=0.0,  # standard deviation of noise on all parameters
            unknown_writers=0.1,  # share of the examples whose writer is hidden, where writers are embedded
            ema_decay=0.999,
            log_every=100,  # steps between two lines of the log
            sample_every=1000,  # steps
            evaluate_every=1000,  # steps
            checkpoint_every=1000,  # steps
            keep_checkpoints=2,  # newest, beside the best
            gradient_accumulation_steps=1,  # parts of the batch, one after the other, where memory is short
        )
    )

    # Neatness b of Graves' section 5.4, and T of the Gaussians.
    config.sample = ConfigDict(dict(bias=0.5, temperature=1.0))

    config.sample_grid = ConfigDict(
        dict(words=("amit", "station", "received", "hand", "writing", "quick", "brown", "foxes"), num_styles=6)
    )

    config.evaluate = ConfigDict(
        dict(
            examples=500,  # at most so many examples of a split are measured
            generated=64,  # validation texts that are written, at most
            split="test",  # for --mode=evaluate
        )
    )

    config.optimizer = ConfigDict(dict(stroke_writer=optimizer(1e-3, b1=0.9, b2=0.99, clip_norm=5.0)))
    config.optimizer.stroke_writer.decay_steps = config.train.get_oneway_ref("num_steps")
    return config

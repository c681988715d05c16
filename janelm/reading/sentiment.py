"""The feeling of each sentence by a lexicon of English words: VADER (Hutto and Gilbert 2014).

`vaderSentiment` is under the MIT License and brings the lexicon with it: about 7,500 words, each rated by ten people,
made for posts in social media. So it knows no irony and no old sense of a word ("condescension" was praise once), and
is shown as what it is: the mean of many sentences, with the spread behind it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

LEXICON = {
    "name": "VADER, vaderSentiment 3.3.2",
    "licence": "MIT License",
    "made_for": "English posts in social media: about 7,500 words and signs, each rated by ten people",
}


def sentence_feelings(text: str, bounds: list[int]) -> np.ndarray:
    """VADER's compound score of each sentence, in hundredths, int8 (S,): from -100 to 100, 0 where no word is known."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyser = SentimentIntensityAnalyzer()
    return np.array(
        [
            round(100 * analyser.polarity_scores(" ".join(text[begin:end].split()))["compound"])
            for begin, end in pairwise(bounds)
        ],
        np.int8,
    )


def moving_mean(values: np.ndarray, span: int) -> np.ndarray:
    """The mean of the `span` values around each (S,), or of as many as there are at the ends."""
    total = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    place = np.arange(len(values))
    first, last = np.maximum(place - span // 2, 0), np.minimum(place + (span + 1) // 2, len(values))
    return (total[last] - total[first]) / (last - first)

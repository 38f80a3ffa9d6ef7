# SPDX-License-Identifier: Apache-2.0
"""SQuAD's rules, written again in Python from the published algorithms: scoring (evaluate-v1.1 and -v2.0), windows,
answer positions and answer extraction (google-research/bert, run_squad.py). The twin that Lambert is compared with."""
import collections
import itertools
import math
import pathlib
import re
import string

import sentencepiece

from text import original_wordpiece

PUNCTUATION = set(string.punctuation)


# ------------------------------------------------------------------------------------------------ scoring

def normalize_answer(text):
    text = "".join(c for c in text.lower() if c not in PUNCTUATION)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def f1_v1(prediction, truth):
    prediction, truth = normalize_answer(prediction).split(), normalize_answer(truth).split()
    common = sum((collections.Counter(prediction) & collections.Counter(truth)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(prediction), common / len(truth)
    return 2 * precision * recall / (precision + recall)


def f1_v2(prediction, truth):
    words, truth_words = normalize_answer(prediction).split(), normalize_answer(truth).split()
    if not words or not truth_words:
        return float(words == truth_words)
    return f1_v1(prediction, truth)


def questions_of(data):
    return [qa for article in data["data"] for paragraph in article["paragraphs"] for qa in paragraph["qas"]]


def score_questions(data, predictions, version):
    """{id: (exact, f1)}; a question without a prediction gets zeros."""
    scores = {}
    for qa in questions_of(data):
        truths = [a["text"] for a in qa["answers"]]
        if version == "2.0":
            truths = [t for t in truths if normalize_answer(t)] or [""]
        if qa["id"] not in predictions:
            scores[qa["id"]] = (0.0, 0.0)
            continue
        answer = predictions[qa["id"]]
        f1 = f1_v1 if version == "1.1" else f1_v2
        scores[qa["id"]] = (max(float(normalize_answer(answer) == normalize_answer(t)) for t in truths),
                            max(f1(answer, t) for t in truths))
    return scores


def mean(values):
    total = 0.0
    for value in values:  # in order and plain: sum() of Python 3.12 compensates
        total += value
    return 100.0 * total / len(values)


def score(data, predictions, version):
    scores = score_questions(data, predictions, version)
    return {"exact_match": mean([e for e, _ in scores.values()]), "f1": mean([f for _, f in scores.values()])}


def has_answers(data):
    return {qa["id"]: bool(qa["answers"]) for qa in questions_of(data)}


def score_v2(data, predictions, odds=None, na_threshold=1.0):
    """All figures of the script of v2.0, under its names."""
    raw, answered = score_questions(data, predictions, "2.0"), has_answers(data)
    kept = {}
    for identifier, scores in raw.items():
        is_none = odds is not None and identifier in predictions and odds[identifier] > na_threshold
        kept[identifier] = (float(not answered[identifier]),) * 2 if is_none else scores
    figures = {}
    for prefix, chosen in (("", list(kept)), ("HasAns_", [i for i in kept if answered[i]]),
                           ("NoAns_", [i for i in kept if not answered[i]])):
        if chosen:
            figures |= {f"{prefix}exact": mean([kept[i][0] for i in chosen]), f"{prefix}f1": mean([kept[i][1] for i in chosen]),
                        f"{prefix}total": len(chosen)}
    if odds is not None:
        for name, figure in (("exact", 0), ("f1", 1)):
            figures[f"best_{name}"], figures[f"best_{name}_thresh"] = best_threshold(data, predictions, raw, odds, figure)
    return figures


def best_threshold(data, predictions, scores, odds, figure):
    has_answer = has_answers(data)
    current = best = sum(1 for answered in has_answer.values() if not answered)
    threshold = 0.0
    for identifier in sorted(odds, key=lambda i: odds[i]):  # equal ones in the order of the file
        if identifier not in predictions or identifier not in scores:
            continue
        if has_answer[identifier]:
            current += scores[identifier][figure]
        else:
            current += -1 if predictions[identifier] else 0
        if current > best:
            best, threshold = current, odds[identifier]
    return 100.0 * best / len(scores), threshold


# ------------------------------------------------------------------------------------------------ features

def split_context(context):
    words, word_of_character, new_word = [], [], True
    for character in context:
        if character in " \t\r\n" or ord(character) == 0x202F:
            new_word = True
        elif new_word:
            words.append(character)
            new_word = False
        else:
            words[-1] += character
        word_of_character.append(max(len(words) - 1, 0))
    return words, word_of_character


def windows_of(count, longest, stride):
    windows, begin = [], 0
    while begin < count:
        length = min(count - begin, longest)
        windows.append((begin, length))
        if begin + length == count:
            break
        begin += min(length, stride)
    return windows


def has_max_context(windows, number, position):
    best, best_number = None, None
    for index, (begin, length) in enumerate(windows):
        end = begin + length - 1
        if not begin <= position <= end:
            continue
        value = min(position - begin, end - position) + 0.01 * length
        if best is None or value > best:
            best, best_number = value, index
    return number == best_number


def improve_span(tokens, start, end, answer_tokens):
    wanted = " ".join(answer_tokens)
    for new_start in range(start, end + 1):
        for new_end in range(end, new_start - 1, -1):
            if " ".join(tokens[new_start:new_end + 1]) == wanted:
                return new_start, new_end
    return start, end


class Features:
    """tokenize(text) -> tokens; ids(tokens with "[CLS]" and "[SEP]") -> ids."""

    def __init__(self, tokenize, ids, max_seq_length, stride, max_query_length):
        self.tokenize, self.ids = tokenize, ids
        self.max_seq_length, self.stride, self.max_query_length = max_seq_length, stride, max_query_length
        self.contexts = {}

    def context(self, text):
        if text not in self.contexts:
            words, word_of_character = split_context(text)
            tokens, word_of_token, first_token = [], [], []
            for index, word in enumerate(words):
                first_token.append(len(tokens))
                for token in self.tokenize(word):
                    tokens.append(token)
                    word_of_token.append(index)
            self.contexts = {text: (words, word_of_character, tokens, word_of_token, first_token)}
        return self.contexts[text]

    def tokens_of_answer_words(self, text, answer):
        """First and last token of the words that hold the answer, or None when it is not where it is said to be."""
        words, word_of_character, tokens, _, first_token = self.context(text)
        begin, length = answer["answer_start"], len(answer["text"])
        first, last = word_of_character[begin], word_of_character[begin + length - 1]
        if " ".join(answer["text"].split()) not in " ".join(words[first:last + 1]):
            return None
        return first_token[first], first_token[last + 1] - 1 if last + 1 < len(words) else len(tokens) - 1

    def answer_tokens(self, text, answer):
        span = self.tokens_of_answer_words(text, answer)
        return span and improve_span(self.context(text)[2], *span, self.tokenize(answer["text"]))

    def of_question(self, context, question, answer=None):
        """One dictionary for each window; none when the answer is not where it is said to be."""
        tokens = self.context(context)[2]
        span = None
        if answer is not None:
            span = self.answer_tokens(context, answer)
            if span is None:
                return []
        query = self.tokenize(question)[:self.max_query_length]
        windows = windows_of(len(tokens), self.max_seq_length - len(query) - 3, self.stride)
        features = []
        for number, (begin, length) in enumerate(windows):
            offset = len(query) + 2
            feature = {"input_ids": self.ids(["[CLS]"] + query + ["[SEP]"] + tokens[begin:begin + length] + ["[SEP]"]),
                       "window_begin": offset, "first_token": begin,
                       "has_max_context": [has_max_context(windows, number, begin + i) for i in range(length)],
                       "start_position": 0, "end_position": 0}
            if span and span[0] >= begin and span[1] <= begin + length - 1:
                feature["start_position"] = span[0] - begin + offset
                feature["end_position"] = span[1] - begin + offset
            features.append(feature)
        return features


# ------------------------------------------------------------------------------------------------ answers

def final_text(prediction, original, basic_tokenize):
    def strip_spaces(text):
        letters = [(character, place) for place, character in enumerate(text) if character != " "]
        return "".join(c for c, _ in letters), {index: place for index, (_, place) in enumerate(letters)}

    normal = " ".join(basic_tokenize(original))
    start = normal.find(prediction)
    if start == -1 or not prediction:
        return original
    end = start + len(prediction) - 1
    original_letters, original_places = strip_spaces(original)
    normal_letters, normal_places = strip_spaces(normal)
    if len(original_letters) != len(normal_letters):
        return original
    letter_of = {place: index for index, place in normal_places.items()}
    if start not in letter_of or end not in letter_of:
        return original
    return original[original_places[letter_of[start]]:original_places[letter_of[end]] + 1]


def best_indexes(logits, count):
    return [i for i, _ in sorted(enumerate(logits), key=lambda pair: pair[1], reverse=True)[:count]]


def extract(features, logits, answer_text, version, n_best_size, max_answer_length, threshold=0.0):
    """features and (start, end) logits of one question; answer_text(feature, start, end) of a span of input_ids. Returns
    (text, n_best, odds)."""
    candidates, null = [], None
    for feature, (starts, ends) in zip(features, logits):
        if null is None or starts[0] + ends[0] < null[3] + null[4]:
            null = (feature, 0, 0, starts[0], ends[0])
        begin, size = feature["window_begin"], len(feature["has_max_context"])
        for start in best_indexes(starts, n_best_size):
            for end in best_indexes(ends, n_best_size):
                if begin <= start < begin + size and begin <= end < begin + size and start <= end \
                        and feature["has_max_context"][start - begin] and end - start + 1 <= max_answer_length:
                    candidates.append((feature, start, end, starts[start], ends[end]))
    if version == "2.0":
        candidates.append(null)
    candidates.sort(key=lambda c: c[3] + c[4], reverse=True)
    n_best, seen = [], set()
    for feature, start, end, start_logit, end_logit in candidates:
        if len(n_best) >= n_best_size:
            break
        text = answer_text(feature, start, end) if start > 0 else ""
        if text not in seen:
            seen.add(text)
            n_best.append([text, start_logit, end_logit])
    if version == "2.0" and "" not in seen:
        n_best.append(["", null[3], null[4]])
    if not n_best:
        n_best.append(["empty", 0.0, 0.0])
    largest = max(s + e for _, s, e in n_best)
    weights = [math.exp(s + e - largest) for _, s, e in n_best]
    n_best = [(t, w / sum(weights), s, e) for (t, s, e), w in zip(n_best, weights)]
    if version == "1.1":
        return n_best[0][0], n_best, 0.0
    best = next((b for b in n_best if b[0]), None)
    if best is None:
        return "", n_best, null[3] + null[4]
    odds = null[3] + null[4] - best[2] - best[3]
    return ("" if odds > threshold else best[0]), n_best, odds


# ------------------------------------------------------------------------------------------------ tokenizers

class WordPieceFeatures(Features):
    """Features with the original's WordPiece (text/original_wordpiece.py)."""

    def __init__(self, vocabulary_file, max_seq_length, stride=128, max_query_length=64, cased=False):
        self.tokens = pathlib.Path(vocabulary_file).read_text(encoding="utf-8").split("\n")
        self.vocabulary = {token: number for number, token in enumerate(self.tokens)}
        self.cased, self.known = cased, {}
        super().__init__(self.tokenize_text, lambda tokens: [self.vocabulary[t] for t in tokens], max_seq_length, stride,
                         max_query_length)

    def tokenize_text(self, text):
        tokens = []
        for word in self.basic_tokenize(text):
            if word not in self.known:
                self.known[word] = [self.tokens[i] for i in original_wordpiece.pieces(word, self.vocabulary,
                                                                                      self.vocabulary["[UNK]"])]
            tokens += self.known[word]
        return tokens

    def basic_tokenize(self, text):
        return original_wordpiece.words(text, self.cased)

    def answer_text(self, context, feature, start, end):
        words, _, _, word_of_token, _ = self.context(context)
        tokens = [self.tokens[i] for i in feature["input_ids"][start:end + 1]]
        text = " ".join(" ".join(tokens).replace(" ##", "").replace("##", "").split())
        shift = feature["first_token"] - feature["window_begin"]
        return final_text(text, " ".join(words[word_of_token[start + shift]:word_of_token[end + shift] + 1]),
                          self.basic_tokenize)


class SentencePieceFeatures(Features):
    """Features with PyPI's sentencepiece. A piece stands in its word where counting the letters of the pieces puts it; where
    the normaliser changed their number, every piece stands for the whole word."""

    def __init__(self, model_file, max_seq_length, stride=128, max_query_length=64):
        self.processor = sentencepiece.SentencePieceProcessor(model_file=str(model_file))
        special = {name: self.processor.piece_to_id(name) for name in ("[CLS]", "[SEP]")}
        super().__init__(self.processor.encode, lambda tokens: [special.get(t, t) for t in tokens], max_seq_length, stride,
                         max_query_length)

    def places(self, text):
        """First and behind-the-last character of every token, in the paragraph."""
        words, word_of_character, tokens, word_of_token, first_token = self.context(text)
        begins = [index for index, (word, before) in enumerate(zip(word_of_character, [-1] + word_of_character)) if word > before]
        begins[:1] = [len(text) - len(text.lstrip(" \t\r\n\u202f"))]
        places = []
        for number, word in enumerate(words):
            last = first_token[number + 1] if number + 1 < len(words) else len(tokens)
            sizes = [len(self.processor.id_to_piece(t).replace("\u2581", "")) for t in tokens[first_token[number]:last]]
            ends = list(itertools.accumulate(sizes))
            if sum(sizes) == len(word):
                places += [(begins[number] + end - size, begins[number] + end) for end, size in zip(ends, sizes)]
            else:
                places += [(begins[number], begins[number] + len(word))] * len(sizes)
        return places

    def answer_tokens(self, text, answer):
        span = self.tokens_of_answer_words(text, answer)
        if span is None or span[0] >= span[1]:
            return span
        begin, end, places = answer["answer_start"], answer["answer_start"] + len(answer["text"]), self.places(text)
        first = next((token for token in range(span[0], span[1]) if places[token][1] > begin), span[1])
        return first, next((token for token in range(span[1], first, -1) if places[token][0] < end), first)

    def answer_text(self, context, feature, start, end):
        words, _, _, word_of_token, _ = self.context(context)
        places, shift = self.places(context), feature["first_token"] - feature["window_begin"]
        first, last = word_of_token[start + shift], word_of_token[end + shift]
        begin, finish = places[start + shift][0], places[end + shift][1]
        return " ".join(context[begin:finish].split()) or " ".join(words[first:last + 1])

"""Words that look like the names on packs: enough of them, and different ones each time the same."""

import random

SYLLABLES = """
ba be bi bo bu ca ce ci co çi ça da de di do du fa fe fi ga ge go gü ha he ho ka ke kı ko kö ku la le li lo lu ma me mi
mo mu na ne ni no nu pa pe pi po ra re ri ro ru sa se si so sö su şa şe şi ta te ti to tu tü va ve vi ya ye yo yu za zi
"""
NOUNS = """
süt ayran yoğurt peynir tereyağı ekmek bisküvi gofret çikolata kek kraker cips fıstık fındık badem ceviz kahve çay kola
gazoz suyu limonata nektar portakal elma vişne kayısı domates salça ketçap mayonez hardal zeytin zeytinyağı mısır un
makarna pirinç bulgur mercimek nohut fasulye şeker tuz baharat çorba konserve balığı sucuk salam sosis şampuan sabun
deterjan yumuşatıcı macunu peçete havlu kağıt bezi mama krem
"""
VARIANTS = ("sade", "light", "tam yağlı", "yarım yağlı", "çilekli", "muzlu", "kakaolu", "limonlu", "acılı", "organik")
CATEGORY_ROOTS = ("süt ürünleri", "atıştırmalık", "içecek", "temel gıda", "kahvaltılık", "temizlik", "kişisel bakım")


def make_words(n: int, seed: int) -> list[str]:
    """Return `n` different made-up words of two to four syllables."""
    chooser, syllables = random.Random(seed), SYLLABLES.split()
    words: dict[str, None] = {}
    while len(words) < n:
        words["".join(chooser.choices(syllables, k=chooser.randint(2, 4)))] = None
    return list(words)


def make_brands(n: int) -> list[str]:
    """Return `n` different brand names."""
    return [word.capitalize() for word in make_words(n, seed=1)]


def make_names(n: int) -> list[str]:
    """Return `n` different product names, most of them a real noun with a made-up word."""
    chooser, nouns = random.Random(2), NOUNS.split()
    words = make_words(n, seed=3)
    return [f"{chooser.choice(nouns)} {word}" if chooser.random() < 0.8 else word for word in words]


def make_categories(n: int) -> list[str]:
    """Return `n` different categories."""
    return [
        f"{CATEGORY_ROOTS[number % len(CATEGORY_ROOTS)]} {word}" for number, word in enumerate(make_words(n, seed=4))
    ]

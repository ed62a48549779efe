#include "iapeer/registry/peer_names.h"

#include <stddef.h>
#include <string.h>

#include "iapeer/base/banned.h"

/* One ASCII letter a character; '.' for what has none, or has several (they are in `several`). */
struct block {
	uint32_t first;
	const char *letters;
};

/* clang-format off */
static const struct block blocks[] = {
    /* Latin-1 letters */
    {0x00c0, "aaaaaa.ceeeeiiiidnooooo.ouuuuy..aaaaaa.ceeeeiiiidnooooo.ouuuuy.y"},
    /* Latin Extended-A */
    {0x0100, "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii..jjkkklllllll"},
    {0x0140, "lllnnnnnnnnnoooooo..rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs"},
    /* Latin Extended-B */
    {0x0180, "bbbbbboccdddd.eeeffgg.iikkllmnnooo..pprssssttttuuuvyyzzzzzz....."},
    {0x01c0, ".............aaiioouuuuuuuuuueaaaa..ggggkkoooozzj...gg..nnaa..oo"},
    {0x0200, "aaaaeeeeiiiioooorrrruuuussttyyhhnd..zzaaeeooooooooyylntj..acclts"},
    {0x0240, "z..buveejjqqrryy"},
    /* Latin Extended Additional */
    {0x1e00, "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmm"},
    {0x1e40, "mmmmnnnnnnnnoooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvv"},
    {0x1e80, "wwwwwwwwwwxxxxyyzzzzzzhtwyasss.daaaaaaaaaaaaaaaaaaaaaaaaeeeeeeee"},
    {0x1ec0, "eeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy....yy"},
    /* Fullwidth digits and letters */
    {0xff10, "0123456789"},
    {0xff21, "abcdefghijklmnopqrstuvwxyz"},
    {0xff41, "abcdefghijklmnopqrstuvwxyz"},
};

struct spelling {
	uint32_t c;
	const char *ascii;
};

static const struct spelling several[] = {
    {0x00aa, "a"},    {0x00ba, "o"},   {0x00c6, "ae"},  {0x00de, "th"},  {0x00df, "ss"},  {0x00e6, "ae"},
    {0x00fe, "th"},   {0x0132, "ij"},  {0x0133, "ij"},  {0x0152, "oe"},  {0x0153, "oe"},  {0x01a2, "oi"},
    {0x01a3, "oi"},   {0x01c4, "dz"},  {0x01c5, "dz"},  {0x01c6, "dz"},  {0x01c7, "lj"},  {0x01c8, "lj"},
    {0x01c9, "lj"},   {0x01ca, "nj"},  {0x01cb, "nj"},  {0x01cc, "nj"},  {0x01e2, "ae"},  {0x01e3, "ae"},
    {0x01f1, "dz"},   {0x01f2, "dz"},  {0x01f3, "dz"},  {0x01f6, "hv"},  {0x01fc, "ae"},  {0x01fd, "ae"},
    {0x0222, "ou"},   {0x0223, "ou"},  {0x0238, "db"},  {0x0239, "qp"},  {0x0251, "a"},   {0x0253, "b"},
    {0x0254, "o"},    {0x0256, "d"},   {0x0257, "d"},   {0x0259, "e"},   {0x025b, "e"},   {0x0268, "i"},
    {0x026f, "u"},    {0x0272, "n"},   {0x0289, "u"},   {0x0490, "g"},   {0x0491, "g"},   {0x1e9e, "ss"},
    {0x2116, " no "}, {0xfb00, "ff"},  {0xfb01, "fi"},  {0xfb02, "fl"},  {0xfb03, "ffi"}, {0xfb04, "ffl"},
    {0xfb05, "st"},   {0xfb06, "st"},
};

/* From U+0430: Russian, then what Ukrainian, Belarusian, Serbian and Macedonian add. */
static const char *const cyrillic[] = {
    "a", "b",  "v",  "g", "d",  "e",  "zh", "z",  "i",  "y",    "k",  "l", "m", "n", "o",  "p",
    "r", "s",  "t",  "u", "f",  "kh", "ts", "ch", "sh", "shch", "",   "y", "",  "e", "yu", "ya",
    "e", "yo", "dj", "g", "ye", "dz", "i",  "yi", "j",  "lj",   "nj", "c", "k", "i", "u",  "dz",
};
/* clang-format on */
_Static_assert(sizeof cyrillic / sizeof cyrillic[0] == 0x30, "U+0430 to U+045F");

static bool is_mark(uint32_t c)
{
	return (c >= 0x0300 && c <= 0x036f) || (c >= 0x0483 && c <= 0x0489) ||
	       (c >= 0x1ab0 && c <= 0x1aff) || (c >= 0x1dc0 && c <= 0x1dff) ||
	       (c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe00 && c <= 0xfe0f) ||
	       (c >= 0xfe20 && c <= 0xfe2f);
}

static const char *cyrillic_of(uint32_t c)
{
	if (c >= 0x0400 && c <= 0x040f)
		c += 0x50;
	else if (c >= 0x0410 && c <= 0x042f)
		c += 0x20;
	return c >= 0x0430 && c <= 0x045f ? cyrillic[c - 0x0430] : NULL;
}

static const char *several_of(uint32_t c)
{
	for (size_t i = 0; i < sizeof several / sizeof several[0]; i++)
		if (several[i].c == c)
			return several[i].ascii;
	return NULL;
}

static char letter_of(uint32_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
		return (char)c;
	for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
		const struct block *b = &blocks[i];

		if (c >= b->first && c - b->first < strlen(b->letters))
			return b->letters[c - b->first];
	}
	return '.';
}

bool peer_spell(uint32_t c, char out[static PEER_SPELL_MAX])
{
	const char *ascii = cyrillic_of(c);
	char letter = letter_of(c);

	if (!ascii)
		ascii = several_of(c);
	if (!ascii && is_mark(c))
		ascii = "";
	if (ascii) {
		memcpy(out, ascii, strlen(ascii) + 1);
		return true;
	}
	if (letter == '.')
		letter = '\0';
	out[0] = letter;
	out[1] = '\0';
	return letter != '\0';
}

uint32_t peer_compose(uint32_t letter, uint32_t mark)
{
	static const struct {
		uint32_t letter, mark, whole;
	} pairs[] = {
	    {0x0438, 0x0306, 0x0439}, {0x0418, 0x0306, 0x0439}, /* й */
	    {0x0435, 0x0308, 0x0451}, {0x0415, 0x0308, 0x0451}, /* ё */
	    {0x0456, 0x0308, 0x0457}, {0x0406, 0x0308, 0x0457}, /* ї */
	};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
		if (pairs[i].letter == letter && pairs[i].mark == mark)
			return pairs[i].whole;
	return 0;
}

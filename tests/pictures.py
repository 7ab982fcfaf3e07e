"""Reading back the pictures that metadata holds."""

import base64
import xml.etree.ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"


def picture(markdown: str) -> ET.Element:
    """The SVG of a Markdown image."""
    data = markdown.removesuffix(")").split("(data:image/svg+xml;base64,")[1]
    return ET.fromstring(base64.b64decode(data))


def words(svg: ET.Element) -> list[str]:
    """The texts of a picture, in their order."""
    return ["".join(text.itertext()).strip() for text in svg.iter(f"{SVG}text")]

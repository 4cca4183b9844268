"""Still images: annotations of people, COCO files, colors and grounding."""

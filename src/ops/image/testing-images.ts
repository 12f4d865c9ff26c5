/**
 * Small images for tests, and what Pillow 13 (libjpeg-turbo 3.2, libwebp 1.6) makes of them in RGB: width, height, and
 * the FNV-1a hash of the bytes.
 */
export const images: readonly {
  readonly name: string;
  readonly base64: string;
  readonly width: number;
  readonly height: number;
  readonly hash: number;
}[] = [
  {
    name: 'JPEG, 4:2:0, progressive',
    width: 16,
    height: 9,
    hash: 0xcca89794,
    base64:
      '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKBTmCNl4x9lnN+gXz/' +
      '2wBDARUXFx4aHjshITt8U0ZTfHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHz/wgARCAAJABADASIAAhEBAxEB/8QA' +
      'FQABAQAAAAAAAAAAAAAAAAAABAX/xAAUAQEAAAAAAAAAAAAAAAAAAAAB/9oADAMBAAIQAxAAAAF8d8YP/8QAGBAAAgMAAAAAAAAAAAAAAAAAAyETMkL/2gAI' +
      'AQEAAQUCkRSPJbf/xAAWEQADAAAAAAAAAAAAAAAAAAAAATL/2gAIAQMBAT8BUn//xAAVEQEBAAAAAAAAAAAAAAAAAAAAQv/aAAgBAgEBPwGn/8QAFBABAAAA' +
      'AAAAAAAAAAAAAAAAIP/aAAgBAQAGPwIf/8QAFhABAQEAAAAAAAAAAAAAAAAAARCx/9oACAEBAAE/IUS3EP/aAAwDAQACAAMAAAAQh//EABcRAQADAAAAAAAA' +
      'AAAAAAAAAAEAESH/2gAIAQMBAT8QLTZ//8QAFhEAAwAAAAAAAAAAAAAAAAAAABEh/9oACAECAQE/EIx//8QAGBABAAMBAAAAAAAAAAAAAAAAAQARITH/2gAI' +
      'AQEAAT8QEhxqGqi92+znHSf/2Q==',
  },
  {
    name: 'JPEG, 4:2:2, restarts',
    width: 16,
    height: 9,
    hash: 0x1ce83598,
    base64:
      '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKBTmCNl4x9lnN+gXz/' +
      '2wBDARUXFx4aHjshITt8U0ZTfHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHz/wAARCAAJABADASEAAhEBAxEB/8QA' +
      'FgABAQEAAAAAAAAAAAAAAAAABgQF/8QAHRAAAQQDAQEAAAAAAAAAAAAAAQACBREDITQxcv/EABUBAQEAAAAAAAAAAAAAAAAAAAIB/8QAGhEAAwADAQAAAAAA' +
      'AAAAAAAAAAECEiMzQ//dAAQAAf/aAAwDAQACEQMRAD8A33SLRhIOjSHSsmDmNC97v1HHYwRTcI//0LH8w+UNlOgoejLHNH//2Q==',
  },
  {
    name: 'JPEG, 4:4:4, 7 by 5',
    width: 7,
    height: 5,
    hash: 0x55cc0495,
    base64:
      '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKBTmCNl4x9lnN+gXz/' +
      '2wBDARUXFx4aHjshITt8U0ZTfHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHz/wAARCAAFAAcDAREAAhEBAxEB/8QA' +
      'FAABAAAAAAAAAAAAAAAAAAAABv/EABoQAQABBQAAAAAAAAAAAAAAAAECAAMRIUH/xAAVAQEBAAAAAAAAAAAAAAAAAAACA//EABkRAAMAAwAAAAAAAAAAAAAA' +
      'AAABAwIRIf/aAAwDAQACEQMRAD8ATF+TAMG+0LLpGGe0f//Z',
  },
  {
    name: 'JPEG, RGB',
    width: 7,
    height: 5,
    hash: 0xc3cc35b0,
    base64:
      '/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAUDg8SDw0UEhASFxUUGB4yIR4cHB49LC4kMklATEtHQEZFUFpzYlBVbVZFRmSIZW13e4GCgU5gjZeMfZZzfoF8/8AA' +
      'EQgABQAHA1IRAEcRAEIRAP/EABUAAQEAAAAAAAAAAAAAAAAAAAYF/8QAHhAAAQMEAwAAAAAAAAAAAAAAAQIDIQAEBRESQXH/2gAMA1IARwBCAAA/ALuNvVuW' +
      '4BSIAO/RStx1XECNq7pBknCYiDqv/9k=',
  },
  {
    name: 'JPEG, grey',
    width: 16,
    height: 9,
    hash: 0xe7d143ef,
    base64:
      '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKBTmCNl4x9lnN+gXz/' +
      'wAALCAAJABABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAABQb/xAAdEAABBAMBAQAAAAAAAAAAAAABAAIFEQMhNDFy/9oACAEBAAA/AH3SLRhIOjSjpWTBzGhe' +
      '936nn8w+VGynQV//2Q==',
  },
  {
    name: 'JPEG, CMYK',
    width: 7,
    height: 5,
    hash: 0xc3cc35b0,
    base64:
      '/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAUDg8SDw0UEhASFxUUGB4yIR4cHB49LC4kMklATEtHQEZFUFpzYlBVbVZFRmSIZW13e4GCgU5gjZeMfZZzfoF8/8AA' +
      'FAgABQAHBEMRAE0RAFkRAEsRAP/EABUAAQEAAAAAAAAAAAAAAAAAAAYF/8QAHhAAAQQDAAMAAAAAAAAAAAAAAQACAyEEBRESQXH/2gAOBEMATQBZAEsAAD8A' +
      'u63NfJjgFooA9+hK5JXeIFdd7SDZSE1VHiZr/9k=',
  },
  {
    name: 'PNG, 2-bit palette',
    width: 7,
    height: 3,
    hash: 0x0d942290,
    base64:
      'iVBORw0KGgoAAAANSUhEUgAAAAcAAAADAgMAAAAirf1WAAAADFBMVEX//9L/9bXj+e+s/v6VFkENAAAAEUlEQVR4nGN4IcIkxMD0jwEACj0CEZyX35UAAAAA' +
      'SUVORK5CYII=',
  },
  {
    name: 'PNG, 1 bit',
    width: 7,
    height: 3,
    hash: 0xbb868678,
    base64: 'iVBORw0KGgoAAAANSUhEUgAAAAcAAAADAQAAAAB3uChoAAAADklEQVR4nGP4x8TAxAAABQgBAzBm1hcAAAAASUVORK5CYII=',
  },
  {
    name: 'PNG, grey and opacity',
    width: 7,
    height: 3,
    hash: 0x6fc8b0c4,
    base64:
      'iVBORw0KGgoAAAANSUhEUgAAAAcAAAADCAQAAAD1yt1OAAAALUlEQVR4nAXBuRHAIAwAMJlngew/Xsq0UHCAI8Wbjw62oVTTVaXQtKXYQjo+PwLCC9I9oIrB' +
      'AAAAAElFTkSuQmCC',
  },
  {
    name: 'BMP, 24 bits',
    width: 7,
    height: 3,
    hash: 0x5284a5c8,
    base64:
      'Qk1+AAAAAAAAADYAAAAoAAAABwAAAAMAAAABABgAAAAAAEgAAADEDgAAxA4AAAAAAAAAAAAA//+a/P+4+P/fz///x///uPz/rtvwAAAA//+w+f/C///s9v//' +
      '0f//wf//vPP/AAAA//uu///i///w3P//3///t///qu//AAAA',
  },
  {
    name: 'BMP, 1 bit',
    width: 7,
    height: 3,
    hash: 0xbb868678,
    base64: 'Qk1KAAAAAAAAAD4AAAAoAAAABwAAAAMAAAABAAEAAAAAAAwAAADEDgAAxA4AAAIAAAACAAAAAAAAAP///wD+AAAA/gAAAP4AAAA=',
  },
  {
    name: 'TIFF, LZW',
    width: 7,
    height: 3,
    hash: 0x5284a5c8,
    base64:
      'SUkqAEIAAACAK59v9xP9/vCDQZuQZvwZbv93qpYQZhP98uyEv97QZowZgv95rxNQZcP9+Q18QZnwZjyZcPBtq6AgCgAAAQMAAQAAAAcAAAABAQMAAQAAAAMA' +
      'AAACAQMAAwAAAMAAAAADAQMAAQAAAAUAAAAGAQMAAQAAAAIAAAARAQQAAQAAAAgAAAAVAQMAAQAAAAMAAAAWAQMAAQAAAAMAAAAXAQQAAQAAADoAAAAcAQMA' +
      'AQAAAAEAAAAAAAAACAAIAAgA',
  },
  {
    name: 'JPEG 2000, lossless',
    width: 7,
    height: 3,
    hash: 0x5284a5c8,
    base64:
      'AAAADGpQICANCocKAAAAFGZ0eXBqcDIgAAAAAGpwMiAAAAAtanAyaAAAABZpaGRyAAAAAwAAAAcAAwcHAAAAAAAPY29scgEAAAAAABAAAADsanAyY/9P/1EA' +
      'LwAAAAAABwAAAAMAAAAAAAAAAAAAAAcAAAADAAAAAAAAAAAAAwcBAQcBAQcBAf9SAAwAAAABAAEEBAAB/1wAB0BASEhQ/2QAJQABQ3JlYXRlZCBieSBPcGVu' +
      'SlBFRyB2ZXJzaW9uIDIuNS40/5AACgAAAAAAcQAB/5PfgFARIQPAUxTlKn6p34BQCtVHQUsMaanAX9+AUA2Y2PYisNI9pB/A+QLAfCHA+cGAAL4ta4UPMacH' +
      'pT/A+QJA+QHAPhCAE+PO3w9lPQ5YwPkCQfOEg+oDEpN2Qw+KYgsLfYX/2Q==',
  },
  {
    name: 'PPM',
    width: 7,
    height: 3,
    hash: 0x5284a5c8,
    base64: 'UDYKNyAzCjI1NQqu+//i///w/////9z//9///7f/76qw///C//ns//////b//9H//8H/87ya//+4//zf//j//8///8f//Ljw264=',
  },
  {
    name: 'WebP, lossy',
    width: 34,
    height: 20,
    hash: 0xb83c30f1,
    base64:
      'UklGRsQAAABXRUJQVlA4ILgAAACwBgCdASoiABQAPxFyrlAsJqQiqq35gCIJbACdMwS3oL60ECFwE6bJoi23HA5lMSnTntPTjmcv2xhBJgFzoAD+6o/N9+Hz' +
      '8iRH8Lm+AXkdp7qWc0RcrULG1xKuivSZdIyKLe1r/cc+kazfBO/MmINEMaDD0EJgFdsTxZZQw0DP/6OAiDJRuIwEDi4O+8Z2JTpn08rfaxSmEDiHYDi522CB' +
      'jsnMhH4QjWQOQPzIhoCpO+UxKyBXuAAA',
  },
  {
    name: 'WebP, lossy, sharp',
    width: 19,
    height: 9,
    hash: 0x1597106d,
    base64:
      'UklGRuYAAABXRUJQVlA4INoAAAAwBQCdASoTAAkAPjEUiEKiISEYBAAgAwS1AE6ZQYweAC8AN5iIi0YHd1+wQnKf6TD1wAD+/4cJ19Sm+BGc9AkJBtwm6Mup' +
      'aG8nhc4X80eHXZftTzbmz7VVMzG+VnvEfUa1fbbVg0NM5NYrvC5K/VKhgiUdjS8EWy94P1garloE0//Q7k9tiCP/C/mD8B5P+frFR/6et3Iypof7e/tNxRLq' +
      'lNaWznzLu4FFvWL7rQ0bCO03eWiSabdPh7i//pUkresv929AH/9B6x0X/F//zZ5Zfv/8m//jyAAAAA==',
  },
  {
    name: 'WebP, lossless',
    width: 7,
    height: 3,
    hash: 0x5284a5c8,
    base64:
      'UklGRloAAABXRUJQVlA4TE0AAAAvBoAAAFDUNpLDH+OCqM8rpqEkkiTHv4UTcfXw8RtJODpotrFtJeq/FSx1jQgZcuuC9X39j5Ow4IPOQiaiQLtssGnk5QTU' +
      'Vz+plEvFFwA=',
  },
  {
    name: 'WebP, lossless palette',
    width: 7,
    height: 3,
    hash: 0x0d942290,
    base64: 'UklGRkQAAABXRUJQVlA4TDcAAAAvBoAAAB+gpm0DppM/276lIRAg/J/58EEgQCT48V9gwcj8x+9YUgUUso0AScziPvTTjeh/iDMAAA==',
  },
  {
    name: 'WebP, with opacity',
    width: 9,
    height: 9,
    hash: 0xfffa4944,
    base64:
      'UklGRroAAABXRUJQVlA4WAoAAAAQAAAACAAACAAAQUxQSFIAAAAA7Pj7//r56OHM6/fy/Pv4+d+u5/fy/fH16dzM3+Lp6u3x0cKytdjU2N2+s7l/urDH09W4' +
      'pp9/kbCzorq0mZB7i5y3sKmbhINnmI2ho6yZmndjVlA4IEIAAADQAQCdASoJAAkAAsBMJaACdAELSviyIAD++aVD9BQdR6jFjNwSIbHqNrYYwjNkyPf/hfcy' +
      'Ydk4y2VbytrH64M0AAA=',
  },
];
